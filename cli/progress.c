/*
 * One line, at most five times a second: what is done, how fast, how long it will take. The
 * state is one static struct, since a process has one terminal.
 */
#include "cli/progress.h"

#include "cli/print.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_SHOWN_US G_USEC_PER_SEC
#define INTERVAL_US (G_USEC_PER_SEC / 5)

static struct {
    const char *what;
    gint64 began_us, shown_us;
    gboolean is_shown;
} state;

static char *
format_amount(guint64 amount, const char *unit)
{
    if (g_str_equal(unit, "B"))
        return lamp_size_format(amount);
    g_autofree char *count = lamp_count_format(amount);
    return g_strdup_printf("%s %s", count, unit);
}

static void
show_line(guint64 done, guint64 total, const char *unit, double seconds)
{
    guint64 per_second = (guint64) ((double) done / seconds);
    g_autofree char *amount = format_amount(done, unit),
                    *rate = format_amount(per_second, unit);
    fprintf(stderr, "\r\033[K%s: %s, %s/s", state.what, amount, rate);
    if (total > 0 && done > 0 && total >= done) {
        double left = seconds * (double) (total - done) / (double) done;
        fprintf(stderr, ", %.0f%%, %.0f s left", 100.0 * (double) done / (double) total, left);
    }
    fflush(stderr);
    state.is_shown = TRUE;
}

/* A stage of few long steps: the step that begins is shown, once a second has gone by. */
static void
update_step(const char *what, guint64 done, guint64 total)
{
    gint64 now = g_get_monotonic_time();
    if (state.what == NULL)
        state.began_us = now;
    state.what = what;
    if (now - state.began_us < FIRST_SHOWN_US)
        return;
    fprintf(stderr, "\r\033[K%s: step %u of %u, %.0f s", what, (guint) done + 1, (guint) total,
            (double) (now - state.began_us) / G_USEC_PER_SEC);
    fflush(stderr);
    state.is_shown = TRUE;
}

static void
update(gpointer owner G_GNUC_UNUSED, const char *what, guint64 done, guint64 total,
       const char *unit)
{
    if (g_str_equal(unit, "passes")) {
        update_step(what, done, total);
        return;
    }
    gint64 now = g_get_monotonic_time();
    if (state.what == NULL || !g_str_equal(state.what, what)) {
        state.what = what;
        state.began_us = now;
        state.shown_us = now + FIRST_SHOWN_US - INTERVAL_US;
    }
    if (now - state.shown_us < INTERVAL_US)
        return;
    state.shown_us = now;
    show_line(done, total, unit, (double) (now - state.began_us) / G_USEC_PER_SEC);
}

void
lamp_progress_show(LampProgress *out_progress, gboolean quiet)
{
    *out_progress = (LampProgress){NULL, NULL};
    if (!quiet && isatty(STDERR_FILENO))
        out_progress->update = update;
    state.what = NULL;
}

void
lamp_progress_clear(void)
{
    if (!state.is_shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    state.is_shown = FALSE;
}
