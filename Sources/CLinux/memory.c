#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "CLinux.h"

long linux_memfd_create(const char *name, unsigned flags) { return linux_result(memfd_create(name, flags)); }

// struct procmap_query of linux/fs.h, which headers before Linux 6.11 lack.
struct procmap_query_layout {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};

enum { QUERY_EXECUTABLE = 0x04, QUERY_COVERING_OR_NEXT = 0x10, QUERY_FILE_BACKED = 0x20 };

long linux_query_code_mapping(int maps, uint64_t address, struct linux_mapping *mapping) {
    struct procmap_query_layout query = {
        .size = sizeof query,
        .query_flags = QUERY_EXECUTABLE | QUERY_COVERING_OR_NEXT | QUERY_FILE_BACKED,
        .query_addr = address,
    };
    long result = linux_result(ioctl(maps, _IOWR('f', 17, struct procmap_query_layout), &query));
    *mapping = (struct linux_mapping){
        .start = query.vma_start,
        .end = query.vma_end,
        .offset = query.vma_offset,
        .inode = query.inode,
        .flags = query.vma_flags,
        .major = query.dev_major,
        .minor = query.dev_minor,
    };
    return result;
}
