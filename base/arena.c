/*
 * Pages that double in size up to a megabyte, each a malloc; the newest is filled from its
 * front. A request larger than a page gets a page of its own behind the newest, so that the
 * newest stays in use.
 */
#include "base/arena.h"

#include <stdlib.h>

#define ALIGNMENT ((gsize) 16)
#define FIRST_PAGE ((gsize) 4096)
#define LARGEST_PAGE ((gsize) 1 << 20)

typedef struct Page {
    struct Page *older;
    gsize size; /* usable bytes */
    gsize used;
    gsize padding; /* keeps the memory that follows 16-byte aligned */
} Page;

struct LampArena {
    Page *newest;
    gsize budget;
    gsize held;
};

LampArena *
lamp_arena_new(gsize budget_bytes)
{
    LampArena *arena = g_new0(LampArena, 1);
    arena->budget = budget_bytes;
    return arena;
}

static Page *
add_page(LampArena *arena, gsize size)
{
    if (size > arena->budget - MIN(arena->held, arena->budget))
        return NULL;
    Page *page = g_try_malloc(sizeof(Page) + size);
    if (page == NULL)
        return NULL;
    *page = (Page){.size = size};
    arena->held += size;
    return page;
}

static Page *
page_with_room(LampArena *arena, gsize size)
{
    Page *newest = arena->newest;
    if (newest != NULL && newest->size - newest->used >= size)
        return newest;
    gsize next = newest == NULL ? FIRST_PAGE : MIN(newest->size * 2, LARGEST_PAGE);
    next = MIN(next, arena->budget - MIN(arena->held, arena->budget));
    Page *page = add_page(arena, MAX(next, size));
    if (page == NULL)
        return NULL;
    if (newest != NULL && size > next) {
        page->older = newest->older;
        newest->older = page;
    } else {
        page->older = newest;
        arena->newest = page;
    }
    return page;
}

gpointer
lamp_arena_take(LampArena *arena, gsize size)
{
    if (size > G_MAXSIZE - ALIGNMENT)
        return NULL;
    gsize rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    Page *page = page_with_room(arena, rounded);
    if (page == NULL)
        return NULL;
    guint8 *memory = (guint8 *) (page + 1) + page->used;
    page->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

LampBytes
lamp_arena_copy(LampArena *arena, LampBytes bytes)
{
    guint8 *copy = lamp_arena_take(arena, bytes.len);
    if (copy == NULL)
        return lamp_bytes(NULL, 0);
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return lamp_bytes(copy, bytes.len);
}

void
lamp_arena_clear(LampArena *arena)
{
    Page *keep = arena->newest;
    if (keep == NULL)
        return;
    for (Page *page = keep->older; page != NULL;) {
        Page *older = page->older;
        g_free(page);
        page = older;
    }
    keep->older = NULL;
    keep->used = 0;
    arena->held = keep->size;
}

void
lamp_arena_free(LampArena *arena)
{
    if (arena == NULL)
        return;
    lamp_arena_clear(arena);
    g_free(arena->newest);
    g_free(arena);
}

gsize
lamp_arena_size(const LampArena *arena)
{
    return arena->held;
}
