"""Effects of fixes in parsers: busybox's awk, expat, libpng, libxml2, and the certificates of GnuTLS."""
from effects import compare, effect


@effect('busybox:CVE-2023-42363')
def _(case):
    text = 'BEGIN { x = (v = "abc", gsub("b", "X", v)); printf "[%s]", x }'
    return compare(case, [str(case.path), 'awk', text], lambda output, status: b'[aXc' in output)


@effect('busybox:CVE-2023-42364')
def _(case):
    # What the two diffs leave: something that is no variable may not be assigned to.
    return compare(case, [str(case.path), 'awk', 'BEGIN { v = 3; print 3 == v = 1; "text" = 1; print "ran" }'],
                   lambda output, status: b'Unexpected token' in output and status == 1)


@effect('expat:CVE-2024-50602')
def _(case):
    host = case.host('''#include <expat.h>
#include <stdio.h>
int main(void)
{
	XML_Parser parser = XML_ParserCreate(NULL);
	printf("stopped %d\\n", XML_StopParser(parser, XML_TRUE));
	fflush(stdout);
	XML_GetBuffer(parser, 1);
	printf("resumed %d\\n", XML_ResumeParser(parser));
	return 0;
}
''')
    return compare(case, [host], lambda output, status: output == b'stopped 0\nresumed 0\n' and status == 0)


@effect('expat:CVE-2024-8176')
def _(case):
    # One call deeper for each entity: 8 MiB of stack end before the entities do.
    host = case.host('''#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void)
{
	enum { count = 60000 };
	char *text = malloc(count * 50), *end = text;
	XML_Parser parser = XML_ParserCreate(NULL);
	int i;
	end += sprintf(end, "<!DOCTYPE d [<!ENTITY e0 'bottom'>\\n");
	for (i = 1; i < count; i++)
		end += sprintf(end, "<!ENTITY e%d '&e%d;'>\\n", i, i - 1);
	end += sprintf(end, "]><d>&e%d;</d>", count - 1);
	printf("parsed %d\\n", XML_Parse(parser, text, end - text, 1));
	return 0;
}
''')
    return compare(case, ['/bin/sh', '-c', f'ulimit -s 8192; exec {host}'],
                   lambda output, status: output == b'parsed 1\n' and status == 0, only=host)


@effect('libpng1.6:CVE-2026-22801')
def _(case):
    # Rows of more than 65535 bytes, and rows from the bottom up: the image that comes back must be the one written.
    host = case.host('''#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { width = 5, height = 3 };
static int round_trip(png_uint_32 format, int narrow, int stride)
{
	size_t row = abs(stride), channels = PNG_IMAGE_SAMPLE_CHANNELS(format), i, x, y, same = 1;
	/* Room behind the rows, so that a wrong step reads zeros and not what isn't ours. */
	png_uint_16 *pixels = calloc(row * height + 65536 * height, 2), back[width * height * 4];
	png_alloc_size_t size = 1 << 20;
	void *file = malloc(size);
	png_image image;
	for (y = 0; y < height; y++)
		for (i = 0; i < width * channels; i++)
			pixels[y * row + i] = (i + 1) % channels ? 9000 + 7000 * y + 300 * i : 65535;
	memset(&image, 0, sizeof image);
	image.version = PNG_IMAGE_VERSION;
	image.width = width;
	image.height = height;
	image.format = format;
	if (!png_image_write_to_memory(&image, file, &size, narrow, pixels, stride, NULL))
		return 0;
	memset(&image, 0, sizeof image);
	image.version = PNG_IMAGE_VERSION;
	if (!png_image_begin_read_from_memory(&image, file, size))
		return 0;
	image.format = format;
	if (!png_image_finish_read(&image, NULL, back, 0, NULL))
		return 0;
	for (y = 0; y < height; y++)
		for (x = 0; x < width * channels; x++)
			same &= abs(back[(stride < 0 ? height - 1 - y : y) * width * channels + x] - pixels[y * row + x]) < 1500;
	return same;
}
int main(void)
{
	static const png_uint_32 formats[] = { PNG_FORMAT_LINEAR_RGB, PNG_FORMAT_LINEAR_RGB_ALPHA };
	int i, narrow;
	for (i = 0; i < 2; i++)
		for (narrow = 0; narrow < 2; narrow++) {
			if (i == 0 && narrow == 0)
				continue;  /* written as it is, row by row */
			printf("short %d\\n", round_trip(formats[i], narrow, 20));
			printf("long %d\\n", round_trip(formats[i], narrow, 40000));
			printf("upward %d\\n", round_trip(formats[i], narrow, -20));
		}
	return 0;
}
''', '-lz', '-lm')
    return compare(case, [host], lambda output, status: output == b'short 1\nlong 1\nupward 1\n' * 3)


@effect('libpng1.6:CVE-2026-34757')
def _(case):
    host = case.host('''#include <png.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, 0, 0, 0);
	png_infop info = png_create_info_struct(png);
	png_color colours[16], *back;
	int count, i, same;
	for (i = 0; i < 16; i++) colours[i].red = colours[i].green = colours[i].blue = 17 + i;
	png_set_IHDR(png, info, 4, 4, 8, PNG_COLOR_TYPE_PALETTE, 0, 0, 0);
	png_set_PLTE(png, info, colours, 16);
	png_get_PLTE(png, info, &back, &count);
	png_set_PLTE(png, info, back, count);
	png_get_PLTE(png, info, &back, &count);
	same = count == 16 && memcmp(back, colours, sizeof colours) == 0;
	puts(same ? "palette kept" : "palette lost");
	return 0;
}
''', '-lz', '-lm')
    return compare(case, [host], lambda output, status: b'palette kept' in output)


@effect('libxml2:CVE-2023-28484')
def _(case):
    case.new_files()
    return compare(case, [case.program('xmllint'), '--noout', '--schema', 'test/schemas/issue491_0.xsd',
                          'test/schemas/issue491_0.xml'],
                   lambda output, status: b"must either 'mixed' or 'element-only'" in output)


@effect('libxml2:CVE-2025-49794')
def _(case):
    # The report names a node that has been freed (-49794), or that is no element (-49796). Freed blocks are
    # overwritten and not kept for the next caller, so that the first one doesn't happen to read a good address.
    case.new_files()
    seen = {}
    for number in ('49794', '49796'):
        command = [case.program('xmllint'), '--schematron', f'test/schematron/cve-2025-{number}.sct',
                   f'test/schematron/cve-2025-{number}_0.xml']
        seen[number] = compare(case, command, lambda output, status: status == 3 and b'boo0 line 2:  \n' in output,
                               env={'MALLOC_PERTURB_': '165', 'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0'})
    return all(good for good, _ in seen.values()), '; '.join(f'{number}: {text}' for number, (_, text) in seen.items())


@effect('libxml2:CVE-2025-7425')
def _(case):
    # Another library (libxslt) keeps bits of its own in an attribute's type: the attribute must still count as an ID.
    host = case.host('''#include <libxml/tree.h>
#include <libxml/valid.h>
#include <stdio.h>
int main(void)
{
	xmlDocPtr document = xmlNewDoc(BAD_CAST "1.0");
	xmlNodePtr root = xmlNewDocNode(document, NULL, BAD_CAST "root", NULL);
	xmlAttrPtr attribute;
	xmlDocSetRootElement(document, root);
	attribute = xmlNewProp(root, BAD_CAST "name", BAD_CAST "one");
	xmlAddID(NULL, document, BAD_CAST "one", attribute);
	attribute->atype |= 1u << 27;
	xmlUnsetProp(root, BAD_CAST "name");
	puts(xmlGetID(document, BAD_CAST "one") ? "freed attribute found" : "gone");
	return 0;
}
''')
    return compare(case, [host], lambda output, status: output == b'gone\n')


@effect('libxml2:CVE-2026-0989')
def _(case):
    case.new_files()
    return compare(case, [case.program('xmllint'), '--noout', '--relaxng', 'test/relaxng/include/include-limit.rng',
                          'test/relaxng/include/include-limit.rng'],
                   lambda output, status: b'include limit' in output.lower() or b'limit' in output.lower(),
                   env={'RNG_INCLUDE_LIMIT': '2'})


@effect('libxml2:CVE-2026-0990')
def _(case):
    (case.folder / 'catalog.xml').write_text(
        '<?xml version="1.0"?>\n<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">\n'
        '<delegateURI uriStartString="http://" catalog="catalog.xml"/>\n'
        '<delegateSystem systemIdStartString="http://" catalog="catalog.xml"/>\n'
        '<nextCatalog catalog="catalog.xml"/>\n</catalog>\n')
    return compare(case, [case.program('xmlcatalog'), 'catalog.xml', 'http://nowhere/at/all'],
                   lambda output, status: status >= 0 and b'timeout' not in output, timeout=30)


#: Names that a CA permits and excludes, for the two hosts below.
NAMES = '''#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <gnutls/x509-ext.h>
#include <stdio.h>
#include <string.h>
typedef gnutls_x509_name_constraints_t names;
static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t) { (unsigned char *)text, strlen(text) };
}
static names make(const char *permitted, const char *excluded)
{
	names made;
	gnutls_datum_t name;
	gnutls_x509_name_constraints_init(&made);
	if (permitted) {
		name = datum(permitted);
		gnutls_x509_name_constraints_add_permitted(made, GNUTLS_SAN_DNSNAME, &name);
	}
	if (excluded) {
		name = datum(excluded);
		gnutls_x509_name_constraints_add_excluded(made, GNUTLS_SAN_DNSNAME, &name);
	}
	return made;
}
static unsigned allows(names constraints, const char *text)
{
	gnutls_datum_t name = datum(text);
	return gnutls_x509_name_constraints_check(constraints, GNUTLS_SAN_DNSNAME, &name);
}
'''


@effect('gnutls28:CVE-2026-3833')
def _(case):
    host = case.host(NAMES + '''int main(void)
{
	names constraints = make(NULL, "example.net");
	printf("other %u\\n", allows(constraints, "example.org"));
	printf("same %u\\n", allows(constraints, "example.net"));
	printf("capital %u\\n", allows(constraints, "eXample.net"));
	printf("below %u\\n", allows(constraints, "www.EXAMPLE.NeT"));
	return 0;
}
''')
    return compare(case, [host], lambda output, status: output == b'other 1\nsame 0\ncapital 0\nbelow 0\n')


@effect('gnutls28:CVE-2026-42011')
def _(case):
    # The constraints of a second CA in the chain are merged into the first one's, as a chain's verification does it.
    host = case.host(NAMES + '''static names merged(names first, names second)
{
	gnutls_datum_t extension;
	gnutls_x509_ext_export_name_constraints(second, &extension);
	gnutls_x509_ext_import_name_constraints(&extension, first, GNUTLS_NAME_CONSTRAINTS_FLAG_APPEND);
	return first;
}
int main(void)
{
	names one = merged(make(NULL, "bad.example.org"), make("good.example.org", NULL));
	names other = merged(make("good.example.org", NULL), make(NULL, "bad.example.org"));
	printf("good %u %u\\n", allows(one, "www.good.example.org"), allows(other, "www.good.example.org"));
	printf("bad %u %u\\n", allows(one, "bad.example.org"), allows(other, "bad.example.org"));
	printf("unnamed %u %u\\n", allows(one, "example.com"), allows(other, "example.com"));
	return 0;
}
''')
    return compare(case, [host], lambda output, status: output == b'good 1 1\nbad 0 0\nunnamed 0 0\n')


@effect('gnutls28:CVE-2026-42012')
def _(case):
    # A certificate that names a URI is for that URI: its subject's common name is no host name any more.
    host = case.host('''#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
static unsigned matches(unsigned kind, const char *name)
{
	gnutls_x509_crt_t made, read;
	gnutls_x509_privkey_t key;
	gnutls_datum_t der;
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&made);
	gnutls_x509_crt_set_version(made, 3);
	gnutls_x509_crt_set_serial(made, "\\1", 1);
	gnutls_x509_crt_set_activation_time(made, time(NULL) - 60);
	gnutls_x509_crt_set_expiration_time(made, time(NULL) + 3600);
	gnutls_x509_crt_set_dn(made, "CN=example.org", NULL);
	gnutls_x509_crt_set_key(made, key);
	gnutls_x509_crt_set_key_purpose_oid(made, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (name)
		gnutls_x509_crt_set_subject_alt_name(made, kind, name, strlen(name), GNUTLS_FSAN_SET);
	gnutls_x509_crt_sign2(made, made, key, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_DER, &der);
	gnutls_x509_crt_init(&read);
	gnutls_x509_crt_import(read, &der, GNUTLS_X509_FMT_DER);
	return gnutls_x509_crt_check_hostname(read, "example.org");
}
int main(void)
{
	printf("none %u\\n", !!matches(0, NULL));
	printf("uri %u\\n", !!matches(GNUTLS_SAN_URI, "http://example.org/"));
	return 0;
}
''')
    return compare(case, [host], lambda output, status: output == b'none 1\nuri 0\n')
