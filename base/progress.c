/*
 * The request to stop: set by a signal handler, read by the stages. SA_RESETHAND gives a second
 * signal its ordinary effect, so that a stage that does not look can still be ended.
 */
#include "base/progress.h"

#include <signal.h>

static volatile sig_atomic_t requested;

static void
note_request(int signal_number G_GNUC_UNUSED)
{
    requested = 1;
}

gboolean
lamp_interrupt_requested(void)
{
    return requested != 0;
}

void
lamp_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = note_request,
                               .sa_flags = (int) (SA_RESETHAND | SA_RESTART)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
