/* Preloaded into a program: what it reads or writes behind a block of memory, or in a freed one, ends it.
 *
 * Every block ends (but for alignment to 16 bytes) where a page begins that can't be touched, and a freed block's pages
 * can't be touched, either, and are not used again. Good for short programs only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define ARENA (1ul << 38)

static char *arena, *end;
static char *volatile next;

__attribute__((constructor)) static void reserve(void)
{
	char *area;

	if (arena)
		return;
	area = mmap(0, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		__builtin_trap();
	next = area;
	end = area + ARENA;
	arena = area;
}

/* A page with the block's size, the block's pages, and one that is never opened. */
static void *take(size_t align, size_t size)
{
	size_t length = (size + align - 1) & -align, pages = (length + PAGE - 1) & -PAGE;
	size_t lead = align > PAGE ? align : PAGE;
	char *area, *block;

	reserve();
	if (length < size || pages > ARENA / 2) {
		errno = ENOMEM;
		return 0;
	}
	area = __atomic_fetch_add(&next, lead + PAGE + pages + PAGE, __ATOMIC_RELAXED);
	block = (char *)((uintptr_t)(area + lead + PAGE + pages - length) & -align);
	area = (char *)((uintptr_t)block & -PAGE) - PAGE;
	if (area + PAGE + pages > end || mprotect(area, PAGE + pages, PROT_READ | PROT_WRITE)) {
		errno = ENOMEM;
		return 0;
	}
	*(size_t *)area = size;
	return block;
}

static size_t *header(void *block)
{
	return (size_t *)(((uintptr_t)block & -PAGE) - PAGE);
}

void *malloc(size_t size)
{
	void *block = take(16, size ? size : 1);

	/* Nobody may rely on zeros. */
	return block ? memset(block, 0xa5, size) : 0;
}

void *calloc(size_t count, size_t size)
{
	if (size && count > ARENA / size) {
		errno = ENOMEM;
		return 0;
	}
	return take(16, count * size ? count * size : 1);
}

void free(void *block)
{
	int error = errno;

	if (block)
		mprotect(header(block), PAGE + ((*header(block) + 15 + PAGE) & -PAGE), PROT_NONE);
	errno = error;
}

void *realloc(void *block, size_t size)
{
	void *new = malloc(size);

	if (new && block) {
		memcpy(new, block, *header(block) < size ? *header(block) : size);
		free(block);
	}
	return new;
}

void *memalign(size_t align, size_t size)
{
	return take(align > 16 ? align : 16, size ? size : 1);
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
	void *new = memalign(align, size);

	if (!new)
		return ENOMEM;
	*block = new;
	return 0;
}

size_t malloc_usable_size(void *block)
{
	return block ? *header(block) : 0;
}
