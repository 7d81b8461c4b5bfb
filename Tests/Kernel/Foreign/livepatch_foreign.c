/* A livepatch module of the shape that the kernel's own klp-build makes: what it replaces stands in two tables, which its
 * start turns into the kernel's structures. The kernels on which this test runs are too old to have klp-build itself. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

struct function_entry {
	const char *old_name;
	void *new_func;
	unsigned long sympos;
};

struct object_entry {
	const char *name;
	struct function_entry *funcs;
	struct klp_callbacks callbacks;
	unsigned int nr_funcs;
};

static int foreign_version_show(struct seq_file *file, void *v)
{
	seq_puts(file, "made elsewhere\n");
	return 0;
}

static struct function_entry functions[] __used __section(".init.klp_funcs") = {
	{ .old_name = "version_proc_show", .new_func = foreign_version_show },
};

static struct object_entry objects[] __used __section(".init.klp_objects") = {
	{ .funcs = functions, .nr_funcs = ARRAY_SIZE(functions) },
};

static struct klp_func klp_functions[ARRAY_SIZE(functions) + 1];
static struct klp_object klp_objects[ARRAY_SIZE(objects) + 1];
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = klp_objects, .replace = true };

static int __init foreign_init(void)
{
	unsigned int index;

	for (index = 0; index < objects[0].nr_funcs; index++) {
		klp_functions[index].old_name = objects[0].funcs[index].old_name;
		klp_functions[index].new_func = objects[0].funcs[index].new_func;
		klp_functions[index].old_sympos = objects[0].funcs[index].sympos;
	}
	klp_objects[0].funcs = klp_functions;
	return klp_enable_patch(&patch);
}

static void __exit foreign_exit(void)
{
}

module_init(foreign_init);
module_exit(foreign_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
