/*
 * The request to stop: set by a signal handler, read by the stages. SA_RESETHAND gives a second
 * signal its ordinary effect, so that a stage that does not look can still be ended.
 */
#include "base/progress.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STATUS_INTERRUPTED 130

static volatile sig_atomic_t requested;

static void
note_request(int signal_number G_GNUC_UNUSED)
{
    requested = 1;
}

static char last_words[512];

static void
end(int signal_number G_GNUC_UNUSED)
{
    ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
    (void) written; /* nobody is left to tell */
    _exit(STATUS_INTERRUPTED);
}

gboolean
lamp_interrupt_requested(void)
{
    return requested != 0;
}

static void
install(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void
lamp_interrupt_install(void)
{
    install(note_request, (int) (SA_RESETHAND | SA_RESTART));
}

void
lamp_interrupt_ends(const char *text)
{
    install(SIG_DFL, 0);
    if (text == NULL)
        return;
    g_strlcpy(last_words, text, sizeof last_words);
    install(end, 0);
}
