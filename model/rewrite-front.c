/*
 * A cache put in front of calls that have none.
 *
 * A share of the calls is answered by it: what the callee does and causes falls away, with the
 * way there and the place that the call took; what remains is the cache's own time. The others
 * ask the cache in vain first. Which call would hit is not known, so each call is drawn by
 * itself, from its number: the same in every run, and a call that hits at a low share hits at
 * every higher one.
 */
#include "model/index-map.h"
#include "model/rewrite.h"

guint
lamp_rewrite_front(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    LampReplayCall *c = &calls[call];
    guint64 random = lamp_mix64(c->number + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
    if (c->is_removed)
        return 0;
    if ((double) (random >> 11) * 0x1p-53 >= rewrite->share) {
        c->net_out += rewrite->amount;
        return 1;
    }
    for (guint32 i = call + 1; i < c->end_index; i = calls[i].end_index) {
        lamp_rewrite_remove(rewrite, calls, i);
        calls[i].lag_start = calls[i].lag_join = 0;
    }
    c->lag_leave = rewrite->amount;
    c->net_out = c->net_back = c->wait = 0;
    c->server_instance = 0;
    c->is_hit = 1;
    c->has_open_child = 0;
    return 1;
}
