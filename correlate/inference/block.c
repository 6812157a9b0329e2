/* block.c — which ways to deal out the steps of two requests are worth scoring
 *
 * In: the steps of two requests, of which some could be made by either. Of n such steps there
 * are 2^n ways, but most give one request a call twice and the other none. How usual a way is
 * depends only on how many steps of each kind either request gets, so the patterns of all ways
 * follow from a few counts. Ways that are far less usual than the most usual one are left out:
 * two oddities at once where none is needed. Where one is needed (a call was lost), all ways
 * have one, and none is left out for it. */
#include "correlate/inference/block.h"

#define FAR_LESS_USUAL 16.0 /* nats */
#define MAX_COUNTED 64      /* steps of a block whose patterns are looked at */
#define FEW_STEPS 4         /* flexible ones: all ways may be scored */

gboolean
lamp_block_gather(const LampState *state, guint32 a, guint32 b, LampBlock *out)
{
    const LampField *f = state->field;
    const LampKids *x = &state->kids[a], *y = &state->kids[b];
    if (x->n + y->n > LAMP_MAX_KIDS)
        return FALSE;
    out->a = a;
    out->b = b;
    out->n = out->n_flexible = 0;
    for (guint32 i = 0, j = 0; i < x->n || j < y->n;) {
        gboolean in_b = i == x->n || (j < y->n && y->at[j] < x->at[i]);
        guint32 step = in_b ? y->at[j++] : x->at[i++];
        const LampRequest *other = &f->requests[in_b ? a : b];
        if (lamp_field_contains(f, other, &f->steps[step]))
            out->flexible[out->n_flexible++] = (guint16) out->n;
        out->in_b[out->n] = in_b != 0;
        out->steps[out->n++] = step;
    }
    return out->n_flexible > 0;
}

/* The flexible steps of one kind. */
typedef struct {
    guint32 step_kind, n;
    guint32 stride;   /* of the number that b has, in the number of a division */
    guint32 fixed[2]; /* steps of this kind that only a, or only b, could have */
} Group;

/* What is counted in a block. */
typedef struct {
    Group groups[LAMP_EXACT_STEPS];
    guint32 n_groups;
    guint32 n_divisions;                    /* ways to divide each group by number */
    guint32 strides[LAMP_EXACT_STEPS];      /* per flexible step: that of its group */
    LampTally fixed[2];                     /* of the steps that only a, or only b, has */
    LampTally of[2][1 << LAMP_EXACT_STEPS]; /* by the numbers that a, or b, has */
    double usual[1 << LAMP_EXACT_STEPS];    /* by division */
} Census;

static void
add_flexible(Census *self, guint32 i, guint32 step_kind)
{
    guint32 g = 0;
    while (g < self->n_groups && self->groups[g].step_kind != step_kind)
        g++;
    if (g == self->n_groups)
        self->groups[self->n_groups++] = (Group){.step_kind = step_kind};
    self->groups[g].n++;
    self->strides[i] = g;
}

/* Counts a step that only one of both could have. */
static void
add_fixed(Census *self, const LampBlock *block, guint32 at, const LampStep *steps,
          const LampModel *model, const LampKind *kind)
{
    guint32 step_kind = steps[block->steps[at]].kind, side = block->in_b[at], before = 0;
    for (guint32 i = 0, next = 0; i < at; i++) {
        guint32 is_flexible = next < block->n_flexible && block->flexible[next] == i;
        next += is_flexible;
        before +=
            !is_flexible && block->in_b[i] == side && steps[block->steps[i]].kind == step_kind;
    }
    lamp_tally_add(model, kind, step_kind, before, &self->fixed[side]);
    for (guint32 g = 0; g < self->n_groups; g++)
        self->groups[g].fixed[side] += self->groups[g].step_kind == step_kind;
}

static void
take_census(Census *self, const LampBlock *block, const LampStep *steps, const LampModel *model,
            const LampKind *const kinds[2])
{
    self->n_groups = 0;
    self->n_divisions = 1;
    self->fixed[0] = self->fixed[1] = (LampTally){0};
    for (guint32 i = 0; i < block->n_flexible; i++)
        add_flexible(self, i, steps[block->steps[block->flexible[i]]].kind);
    for (guint32 i = 0, next = 0; i < block->n; i++) {
        if (next < block->n_flexible && block->flexible[next] == i)
            next++;
        else
            add_fixed(self, block, i, steps, model, kinds[block->in_b[i]]);
    }
    for (guint32 g = 0; g < self->n_groups; g++) {
        self->groups[g].stride = self->n_divisions;
        self->n_divisions *= self->groups[g].n + 1;
    }
    for (guint32 i = 0; i < block->n_flexible; i++)
        self->strides[i] = self->groups[self->strides[i]].stride;
}

/* What one side has, by how many steps of each group it gets. */
static void
tally_side(Census *self, guint32 side, const LampModel *model, const LampKind *kind)
{
    LampTally *of = self->of[side];
    of[0] = self->fixed[side];
    for (guint32 g = 0; g < self->n_groups; g++) {
        const Group *group = &self->groups[g];
        LampTally one = {0};
        for (guint32 c = 0; c < group->n; c++) {
            lamp_tally_add(model, kind, group->step_kind, group->fixed[side] + c, &one);
            for (guint32 d = 0; d < group->stride; d++) {
                LampTally *to = &of[d + (c + 1) * group->stride];
                *to = of[d];
                to->pattern += one.pattern;
                to->independent += one.independent;
                to->unusual += one.unusual;
            }
        }
    }
}

/* Fills in how usual each division is; returns the most usual. */
static double
compare_divisions(Census *self, const LampModel *model, const LampKind *const kinds[2])
{
    double best = -G_MAXDOUBLE;
    tally_side(self, 0, model, kinds[0]);
    tally_side(self, 1, model, kinds[1]);
    for (guint32 d = 0; d < self->n_divisions; d++) {
        self->usual[d] =
            lamp_tally_score(model, kinds[0], &self->of[0][self->n_divisions - 1 - d]) +
            lamp_tally_score(model, kinds[1], &self->of[1][d]);
        best = MAX(best, self->usual[d]);
    }
    return best;
}

static gboolean
list_all(const LampBlock *block, guint32 now, LampWays *out)
{
    if (block->n_flexible > FEW_STEPS)
        return FALSE;
    out->n = 1u << block->n_flexible;
    out->now = now;
    for (guint32 way = 0; way < out->n; way++)
        out->ways[way] = (guint8) way;
    return TRUE;
}

gboolean
lamp_block_list_ways(const LampBlock *block, const LampState *state, const LampModel *model,
                     LampWays *out)
{
    guint8 division[1 << LAMP_EXACT_STEPS];
    const LampField *f = state->field;
    guint32 now = 0;
    if (block->n_flexible > LAMP_EXACT_STEPS)
        return FALSE;
    for (guint32 i = 0; i < block->n_flexible; i++)
        now |= (guint32) block->in_b[block->flexible[i]] << i;
    if (block->n_flexible == 1 || block->n > MAX_COUNTED || state->sets)
        return list_all(block, now, out);
    Census census;
    const LampKind *const kinds[2] = {&model->kinds[f->requests[block->a].kind],
                                      &model->kinds[f->requests[block->b].kind]};
    take_census(&census, block, f->steps, model, kinds);
    double least = compare_divisions(&census, model, kinds) - FAR_LESS_USUAL;
    out->n = 0;
    division[0] = 0;
    for (guint32 way = 0; way < 1u << block->n_flexible; way++) {
        if (way > 0) {
            guint32 lowest = (guint32) g_bit_nth_lsf(way, -1);
            division[way] = (guint8) (division[way & (way - 1)] + census.strides[lowest]);
        }
        if (way == now)
            out->now = out->n;
        if (way == now || census.usual[division[way]] >= least)
            out->ways[out->n++] = (guint8) way;
    }
    return out->n <= LAMP_MAX_WAYS;
}
