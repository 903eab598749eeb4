#include "base_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SP_ASAN 1
#endif
#endif

/* Under the address sanitizer the unused part of a block is poisoned and pieces are kept apart, so that running over
 * the end of one piece is found although it stays inside the block. */
#ifdef SP_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
enum { GAP = 32 };
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { ALIGN = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

/* A request above this is a product of hostile counts, whatever the machine would promise: 512 GiB. */
static const size_t REQUEST_MAX = (size_t)1 << 39;

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char data[];
} block;

struct sp_arena {
    block *head;       /* the block being carved */
    size_t next_size, reserved_bytes;
};

static _Atomic uint64_t fail_countdown;

void sp_alloc_fail_after(uint64_t n)
{
    atomic_store(&fail_countdown, n);
}

bool sp_i_alloc_fails(void)
{
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {}
    return left == 1;
}

sp_arena *sp_arena_create(void)
{
    if (sp_i_alloc_fails())
        return NULL;
    sp_arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->next_size = BLOCK_MIN;
    return arena;
}

void sp_arena_destroy(sp_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->head, *next; b; b = next) {
        next = b->next;
        UNPOISON(b->data, b->size);
        free(b);
    }
    free(arena);
}

/* A block of at least `bytes`; large requests get one of their own behind the head, so that the head's rest stays in use. */
static block *block_add(sp_arena *arena, size_t bytes)
{
    bool own = bytes > arena->next_size / 2;
    size_t size = own ? bytes : arena->next_size;
    block *b = calloc(1, sizeof *b + size);
    if (!b)
        return NULL;
    b->size = size;
    POISON(b->data, size);
    if (own && arena->head) {
        b->next = arena->head->next;
        arena->head->next = b;
    } else {
        b->next = arena->head;
        arena->head = b;
    }
    if (!own && arena->next_size < BLOCK_MAX)
        arena->next_size *= 2;
    arena->reserved_bytes += size;
    return b;
}

void *sp_arena_alloc(sp_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > REQUEST_MAX || sp_i_alloc_fails())
        return NULL;
    size_t padded = ((bytes ? bytes : 1) + GAP + ALIGN - 1) / ALIGN * ALIGN;
    block *b = arena->head;
    if (!b || b->size - b->used < padded)
        b = block_add(arena, padded);
    if (!b)
        return NULL;
    void *piece = b->data + b->used;
    b->used += padded;
    UNPOISON(piece, bytes);
    return piece;
}

char *sp_arena_strndup(sp_arena *arena, const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = sp_arena_alloc(arena, length + 1, 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

char *sp_arena_strdup(sp_arena *arena, const char *text)
{
    return sp_arena_strndup(arena, text, strlen(text));
}

char *sp_i_arena_vprintf(sp_arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : sp_arena_alloc(arena, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *sp_arena_printf(sp_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = sp_i_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

size_t sp_arena_bytes(const sp_arena *arena)
{
    return arena->reserved_bytes;
}

bool sp_i_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t larger = *capacity ? *capacity : 16;
    while (larger < need)
        if (__builtin_mul_overflow(larger, 2, &larger))
            return false;
    size_t bytes;
    if (__builtin_mul_overflow(larger, size, &bytes) || sp_i_alloc_fails())
        return false;
    void *moved = realloc(*array, bytes);
    if (!moved)
        return false;
    *array = moved;
    *capacity = larger;
    return true;
}
