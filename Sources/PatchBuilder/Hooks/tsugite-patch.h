/* tsugite-patch.h: what a fix may say to the live patcher: hooks, and shadow variables.
 *
 * A diff that is meant for `tsugite build` includes it as <tsugite-patch.h>; the builder brings it along. It needs
 * gcc or clang, C90 or C++98 or newer, and no library. docs/hooks.md explains it with examples.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TSUGITE_PATCH_H
#define TSUGITE_PATCH_H 1

#ifdef __cplusplus
#define TSUGITE_BEGIN_ extern "C" {
#define TSUGITE_END_ }
#else
#define TSUGITE_BEGIN_
#define TSUGITE_END_
#endif

TSUGITE_BEGIN_

/* Hooks ---------------------------------------------------------------------------------------------------------
 *
 * A hook is a function `int name(struct tsugite_hook *hook)` that answers 0, or something else to refuse. Name it
 * once at file scope:
 *
 *     TSUGITE_PRE_APPLY(name)    before the process is stopped; may refuse: nothing has changed then
 *     TSUGITE_APPLY(name)        all threads stand still, just before the code changes; may refuse
 *     TSUGITE_POST_APPLY(name)   the new code runs; if it refuses, the patch is taken out again
 *     TSUGITE_PRE_UNDO(name)     before the process is stopped; may refuse: the patch stays
 *     TSUGITE_UNDO(name)         all threads stand still, just before the old code comes back; may refuse
 *     TSUGITE_POST_UNDO(name)    the old code runs; if it refuses, the patch is put in again
 *
 * A hook runs on a thread of the process that was interrupted anywhere, so it may do what a signal handler may do:
 * read and write variables, make system calls, use shadow variables; no malloc, no stdio, no lock.
 */
struct tsugite_hook {
	void (*run)(struct tsugite_hook *);
	int (*function)(struct tsugite_hook *);
	int result;
	char reason[108];
};

static __inline__ __attribute__((unused)) int tsugite_refuse(struct tsugite_hook *hook, const char *reason)
{
	unsigned long i = 0;

	for (; reason[i] && i + 1 < sizeof hook->reason; i++)
		hook->reason[i] = reason[i];
	hook->reason[i] = 0;
	return -1;
}

static __attribute__((unused, noinline)) void tsugite_run_hook__(struct tsugite_hook *hook)
{
	hook->result = hook->function(hook);
}

#define TSUGITE_HOOK_(kind, name) \
	TSUGITE_BEGIN_ \
	static struct tsugite_hook tsugite_hook__##kind##__##name __attribute__((used)) = { \
		tsugite_run_hook__, name, 0, { 0 } \
	}; \
	TSUGITE_END_ struct tsugite_hook
#define TSUGITE_PRE_APPLY(name) TSUGITE_HOOK_(pre_apply, name)
#define TSUGITE_APPLY(name) TSUGITE_HOOK_(apply, name)
#define TSUGITE_POST_APPLY(name) TSUGITE_HOOK_(post_apply, name)
#define TSUGITE_PRE_UNDO(name) TSUGITE_HOOK_(pre_undo, name)
#define TSUGITE_UNDO(name) TSUGITE_HOOK_(undo, name)
#define TSUGITE_POST_UNDO(name) TSUGITE_HOOK_(post_undo, name)

/* Layouts -------------------------------------------------------------------------------------------------------
 *
 * A fix that gives a type another layout is refused, since a running process has objects of the old one. If the
 * fix's hooks see to those (they make them anew and back again, or refuse where there are any), it says so once for
 * each type at file scope:
 *
 *     TSUGITE_LAYOUT(struct, account)        also union, class, enum; typedef for a nameless type that has one
 *
 * It needs a hook before or in the stop of apply, and another of undo: with the old code the old layout comes back.
 */
#define TSUGITE_LAYOUT(kind, name) \
	TSUGITE_BEGIN_ \
	static const char tsugite_layout__##kind##__##name __attribute__((used)) = 0; \
	TSUGITE_END_ struct tsugite_hook

/* Shadow variables ----------------------------------------------------------------------------------------------
 *
 * More fields for objects that exist already, kept beside them: memory found by (address of the object, number).
 * All patches of a process share one table, which lives as long as the process: values survive undo, redo, and the
 * replacement of one patch by another. Objects that old code frees while the patch is out leave their values behind,
 * so a patch whose objects come and go frees them in an undo hook (tsugite_shadow_free_all).
 *
 *     get           the value, or NULL
 *     alloc         a new value of zeroes, after constructor(object, value, data); NULL if there is one already, if
 *                   the constructor answers something else than 0, or without memory
 *     get_or_alloc  the one or the other
 *     free          ends a value, after destructor(object, value) if there is one
 *     free_all      ends all values of a number
 *
 * They may be called by several threads at once, and by hooks; a constructor or destructor must not call them.
 * Values are aligned to 16 bytes.
 */
struct tsugite_shadow {
	struct tsugite_shadow *next;
	const void *object;
	unsigned long id;
	unsigned long size;
};

enum { tsugite_shadow_lists = 1024, tsugite_shadow_sizes = 48 };

struct tsugite_shadow_table {
	int lock;
	int version;
	char *room;
	char *end;
	struct tsugite_shadow *spare[tsugite_shadow_sizes];
	struct tsugite_shadow *lists[tsugite_shadow_lists];
};

struct tsugite_shadow_root {
	void (*run)(struct tsugite_shadow_root *);
	struct tsugite_shadow_table *table;
};

typedef int (*tsugite_shadow_constructor)(void *object, void *value, void *data);
typedef void (*tsugite_shadow_destructor)(void *object, void *value);

static __inline__ __attribute__((unused)) long tsugite_system_call__(
	long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long answer;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ __volatile__("syscall"
		: "=a"(answer)
		: "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return answer;
#else
#error "tsugite-patch.h doesn't know this processor"
#endif
}

/* Anonymous memory, in whole pages: mmap(2). */
static __inline__ __attribute__((unused)) char *tsugite_pages__(unsigned long size)
{
	long place = tsugite_system_call__(9, 0, (long)size, 3, 0x22, -1, 0);

	return place < 0 && place > -4096 ? (char *)0 : (char *)place;
}

static __attribute__((unused, noinline)) void tsugite_shadow_start__(struct tsugite_shadow_root *root)
{
	unsigned long size = 1ul << 16;
	struct tsugite_shadow_table *table;

	if (root->table)
		return;
	table = (struct tsugite_shadow_table *)tsugite_pages__(size);
	if (!table)
		return;
	table->version = 1;
	table->room = (char *)table + ((sizeof *table + 63) & ~63ul);
	table->end = (char *)table + size;
	root->table = table;
}

/* The patcher writes it; the compiler sees no write. */
static __attribute__((unused)) volatile struct tsugite_shadow_root tsugite_shadow_root__ = { tsugite_shadow_start__, 0 };

/* The table, locked; NULL if there is none, or if whoever holds it doesn't go on for seconds. */
static __inline__ __attribute__((unused)) struct tsugite_shadow_table *tsugite_shadow_enter__(void)
{
	struct tsugite_shadow_table *table = tsugite_shadow_root__.table;
	long turns = 0;

	if (!table)
		return 0;
	while (__sync_lock_test_and_set(&table->lock, 1)) {
		if (++turns > 2000000)
			return 0;
		if (turns % 100 == 0)
			tsugite_system_call__(24, 0, 0, 0, 0, 0, 0);
	}
	return table;
}

static __inline__ __attribute__((unused)) void tsugite_shadow_leave__(struct tsugite_shadow_table *table)
{
	__sync_lock_release(&table->lock);
}

static __inline__ __attribute__((unused)) struct tsugite_shadow **tsugite_shadow_list__(
	struct tsugite_shadow_table *table, const void *object, unsigned long id)
{
	unsigned long key = ((unsigned long)object >> 4) * 0x9e3779b97f4a7c15ul + id * 0xc2b2ae3d27d4eb4ful;

	return &table->lists[(key >> 40) % tsugite_shadow_lists];
}

static __inline__ __attribute__((unused)) struct tsugite_shadow **tsugite_shadow_find__(
	struct tsugite_shadow_table *table, const void *object, unsigned long id)
{
	struct tsugite_shadow **place = tsugite_shadow_list__(table, object, id);

	while (*place && ((*place)->object != object || (*place)->id != id))
		place = &(*place)->next;
	return place;
}

/* The number of the smallest power of two that holds a value with its head. */
static __inline__ __attribute__((unused)) int tsugite_shadow_class__(unsigned long size)
{
	int number = 6;

	while (number < tsugite_shadow_sizes && (1ul << number) < size + sizeof(struct tsugite_shadow))
		number++;
	return number;
}

static __inline__ __attribute__((unused)) struct tsugite_shadow *tsugite_shadow_room__(
	struct tsugite_shadow_table *table, unsigned long size)
{
	int number = tsugite_shadow_class__(size);
	unsigned long whole, chunk = 1ul << 18, i;
	struct tsugite_shadow *shadow;

	if (number >= tsugite_shadow_sizes)
		return 0;
	whole = 1ul << number;
	shadow = table->spare[number];
	if (shadow) {
		table->spare[number] = shadow->next;
		for (i = 0; i < whole; i++)
			((char *)shadow)[i] = 0;
		return shadow;
	}
	if (whole > chunk / 4)
		return (struct tsugite_shadow *)tsugite_pages__(whole);
	if ((unsigned long)(table->end - table->room) < whole) {
		char *room = tsugite_pages__(chunk);

		if (!room)
			return 0;
		table->room = room;
		table->end = room + chunk;
	}
	shadow = (struct tsugite_shadow *)table->room;
	table->room += whole;
	return shadow;
}

static __inline__ __attribute__((unused)) void *tsugite_shadow_make__(
	const void *object, unsigned long id, unsigned long size, tsugite_shadow_constructor constructor, void *data,
	int may_exist)
{
	struct tsugite_shadow_table *table = tsugite_shadow_enter__();
	struct tsugite_shadow **place, *shadow;
	void *value = 0;

	if (!table)
		return 0;
	place = tsugite_shadow_find__(table, object, id);
	if (*place) {
		value = may_exist ? (void *)(*place + 1) : (void *)0;
	} else {
		shadow = tsugite_shadow_room__(table, size);
		if (shadow) {
			shadow->object = object;
			shadow->id = id;
			shadow->size = size;
			if (constructor && constructor((void *)object, (void *)(shadow + 1), data)) {
				int number = tsugite_shadow_class__(size);

				shadow->next = table->spare[number];
				table->spare[number] = shadow;
			} else {
				shadow->next = 0;
				*place = shadow;
				value = (void *)(shadow + 1);
			}
		}
	}
	tsugite_shadow_leave__(table);
	return value;
}

static __inline__ __attribute__((unused)) void *tsugite_shadow_get(const void *object, unsigned long id)
{
	struct tsugite_shadow_table *table = tsugite_shadow_enter__();
	struct tsugite_shadow *shadow;

	if (!table)
		return 0;
	shadow = *tsugite_shadow_find__(table, object, id);
	tsugite_shadow_leave__(table);
	return shadow ? (void *)(shadow + 1) : (void *)0;
}

static __inline__ __attribute__((unused)) void *tsugite_shadow_alloc(
	const void *object, unsigned long id, unsigned long size, tsugite_shadow_constructor constructor, void *data)
{
	return tsugite_shadow_make__(object, id, size, constructor, data, 0);
}

static __inline__ __attribute__((unused)) void *tsugite_shadow_get_or_alloc(
	const void *object, unsigned long id, unsigned long size, tsugite_shadow_constructor constructor, void *data)
{
	return tsugite_shadow_make__(object, id, size, constructor, data, 1);
}

static __inline__ __attribute__((unused)) void tsugite_shadow_end__(
	struct tsugite_shadow_table *table, struct tsugite_shadow **place, tsugite_shadow_destructor destructor)
{
	struct tsugite_shadow *shadow = *place;
	int number = tsugite_shadow_class__(shadow->size);

	*place = shadow->next;
	if (destructor)
		destructor((void *)shadow->object, (void *)(shadow + 1));
	shadow->next = table->spare[number];
	table->spare[number] = shadow;
}

static __inline__ __attribute__((unused)) void tsugite_shadow_free(
	const void *object, unsigned long id, tsugite_shadow_destructor destructor)
{
	struct tsugite_shadow_table *table = tsugite_shadow_enter__();
	struct tsugite_shadow **place;

	if (!table)
		return;
	place = tsugite_shadow_find__(table, object, id);
	if (*place)
		tsugite_shadow_end__(table, place, destructor);
	tsugite_shadow_leave__(table);
}

static __inline__ __attribute__((unused)) void tsugite_shadow_free_all(
	unsigned long id, tsugite_shadow_destructor destructor)
{
	struct tsugite_shadow_table *table = tsugite_shadow_enter__();
	struct tsugite_shadow **place;
	int i;

	if (!table)
		return;
	for (i = 0; i < tsugite_shadow_lists; i++) {
		for (place = &table->lists[i]; *place;) {
			if ((*place)->id == id)
				tsugite_shadow_end__(table, place, destructor);
			else
				place = &(*place)->next;
		}
	}
	tsugite_shadow_leave__(table);
}

TSUGITE_END_

#endif
