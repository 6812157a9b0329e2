/* Templates of other styles of logs: messages made of known templates (fixtures/templates),
 * mined with the one configuration. Grouping accuracy is the share of messages whose group is
 * exactly that of their template. */
#include "ingest/log/template.h"
#include "tests/unit/suite.h"

#include <stdio.h>

#define FOLDER "fixtures/templates/"

typedef struct {
    const char *file;
    double least; /* accuracy */
} Style;

static const Style styles[] = {
    {"supercomputer.txt", 0.99}, {"cluster.txt", 0.99}, {"desktop.txt", 0.92},
    {"phone.txt", 0.99},         {"health.txt", 0.99},  {"proxy.txt", 0.99},
    {"dataflow.txt", 0.96},      {"nodes.txt", 0.93},
};

static guint64 seed;

static guint
draw(guint below)
{
    seed = seed * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return (guint) (seed >> 33) % below;
}

/* Values of the kinds that are words: few, as in real logs. */
static const struct {
    const char *kind;
    const char *words[8];
} words[] = {
    {"b", {"true", "false"}},
    {"onoff", {"on", "off"}},
    {"user", {"root", "alice", "bob", "news", "nobody", "operator"}},
    {"daemon", {"powerd", "mdnsd", "coreaudiod", "loginwindow", "syncd"}},
    {"ssid", {"Campus", "Guest Net", "Cafe", "Home of Ann"}},
    {"tag", {"View Lock", "RADIO_ACK", "*launch*", "WindowKeeper", "Job*alarm"}},
    {"pkg", {"android", "org.example.music", "org.example.systemui", "net.sample.mail"}},
    {"ws", {"null", "WorkSource{10113}", "WorkSource{1000}"}},
    {"act",
     {"org.example.qt/.view.NewsActivity", "org.example.qt/org.example.Player",
      "net.sample.home/.Main", "org.example.maps/.Route"}},
    {"comp", {"org.example.Address", "org.example.Share", "net.sample.Clock"}},
    {"intent", {"android.intent.SCREEN_ON", "android.intent.TIME_TICK", "android.intent.DAY"}},
    {"prop", {"mapred.tip.id", "mapred.task.is.map", "mapred.job.id", "mapred.partition"}},
    {"group", {"A_net", "B_net", "Storm_A", "Storm_B", "Storm_C", "X_net"}},
    {"host", {"mail.example.org", "www.sample.net", "build.example.com", "a.b.example.org"}},
    {"hp",
     {"play.example.com:443", "proxy.example.org:5070", "www.sample.net:80",
      "time.sample.net:443", "a.b.example.org:8080"}},
    {"dur", {"00:01", "<1 sec", "01:22", "00:00:59"}},
    {"clock", {"05:28:41", "00:00:01", "23:59:59"}},
    {"date", {"2017/7/4", "2017/12/14"}},
    {"time", {"Mon Jul 11 10:22:31 2005", "Tue Aug 2 01:02:03 2005"}},
};

static void
put_hex(GString *out, guint digits)
{
    for (guint i = 0; i < digits; i++)
        g_string_append_c(out, "0123456789abcdef"[draw(16)]);
}

static void
put_ip(GString *out)
{
    g_string_append_printf(out, "10.%u.%u.%u", draw(256), draw(256), 1 + draw(254));
}

static void
put_mac(GString *out)
{
    for (guint i = 0; i < 6; i++) {
        g_string_append(out, i == 0 ? "" : ":");
        put_hex(out, 2);
    }
}

static void
put_place(GString *out)
{
    guint form = draw(3), first = draw(64), second = draw(2);
    if (form == 0)
        g_string_append_printf(out, "R%u-M%u-N%u", first, second, draw(32));
    else if (form == 1)
        g_string_append_printf(out, "R%u-M%u-L%u-U1-A", first, second, draw(32));
    else
        g_string_append_printf(out, "Tree-%uT%u:00:%u", first, second, draw(32));
}

static void
put_identifier(GString *out)
{
    guint form = draw(3), first = draw(64), second = draw(20);
    if (form == 0)
        g_string_append_printf(out, "rdd_%u_%u", first, second);
    else if (form == 1)
        g_string_append_printf(out, "broadcast_%u_piece%u", first, second);
    else
        g_string_append_printf(out, "att_%u_m_%u", first, second);
}

static void
put_number(GString *out)
{
    g_string_append_printf(out, "%u", draw(10) < 5 ? draw(10) : draw(100000));
}

static void
put_decimal(GString *out)
{
    g_string_append_printf(out, "%u.%u", draw(1000), draw(1000));
}

static void
put_word(GString *out)
{
    put_hex(out, 8);
}

static void
put_prefixed(GString *out)
{
    g_string_append(out, "0x");
    put_hex(out, 8);
}

static void
put_short_word(GString *out)
{
    put_hex(out, 7);
}

static void
put_ip6(GString *out)
{
    g_string_append(out, "fe80::");
    put_hex(out, 4);
    g_string_append(out, ":");
    put_hex(out, 4);
}

static void
put_node(GString *out)
{
    g_string_append_printf(out, "node-%u", draw(300));
}

static void
put_path(GString *out)
{
    g_string_append_printf(out, "/p/%s/%u", draw(2) ? "gb/ann/runs" : "var", draw(1000));
}

static void
put_url(GString *out)
{
    g_string_append_printf(out, "hdfs://10.10.3.1:9000/logs/%u.log", draw(1000));
}

static void
put_socket(GString *out)
{
    put_ip(out);
    g_string_append_printf(out, ":%u", 1024 + draw(60000));
}

static void
put_made(GString *out, const char *kind)
{
    static const struct {
        const char *kind;
        void (*put)(GString *out);
    } rows[] = {{"n", put_number},   {"d", put_decimal},     {"h", put_word},
                {"x", put_prefixed}, {"hw", put_short_word}, {"ip", put_ip},
                {"ipp", put_socket}, {"ip6", put_ip6},       {"mac", put_mac},
                {"node", put_node},  {"place", put_place},   {"ident", put_identifier},
                {"path", put_path},  {"url", put_url}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_str_equal(kind, rows[i].kind)) {
            rows[i].put(out);
            return;
        }
    }
    ck_abort_msg("no values of kind '%s'", kind);
}

static void
put_value(GString *out, const char *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        guint n = 0;
        if (!g_str_equal(kind, words[i].kind))
            continue;
        while (n < G_N_ELEMENTS(words[i].words) && words[i].words[n] != NULL)
            n++;
        g_string_append(out, words[i].words[draw(n)]);
        return;
    }
    put_made(out, kind);
}

/* `{kind}` is a value; other braces stand for themselves. */
static char *
make_message(const char *template)
{
    GString *out = g_string_new(NULL);
    for (const char *p = template; *p != '\0'; p++) {
        gsize n = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz6") : 0;
        if (n == 0 || p[n + 1] != '}') {
            g_string_append_c(out, *p);
            continue;
        }
        g_autofree char *kind = g_strndup(p + 1, n);
        put_value(out, kind);
        p += n + 1;
    }
    return g_string_free(out, FALSE);
}

typedef struct {
    GPtrArray *messages, *found;
    GArray *truth; /* guint: number of the template */
} Made;

static void
make_style(const char *file, Made *made)
{
    g_autofree char *path = g_strconcat(FOLDER, file, NULL), *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    seed = 1;
    for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++) {
        char *template = strchr(lines[i], '\t');
        ck_assert_ptr_nonnull(template);
        guint64 count = g_ascii_strtoull(lines[i], NULL, 10);
        for (guint64 k = 0; k < count; k++) {
            g_ptr_array_add(made->messages, make_message(template + 1));
            g_array_append_val(made->truth, i);
        }
    }
}

static void
mine(Made *made)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    for (guint i = 0; i < made->messages->len; i++) {
        LampBytes masked =
            lamp_templates_mask(templates, lamp_bytes_text(made->messages->pdata[i]));
        g_ptr_array_add(made->found, g_strndup((const char *) masked.at, masked.len));
    }
    lamp_templates_merge(templates);
    for (guint i = 0; i < made->found->len; i++) {
        LampBytes final =
            lamp_templates_final(templates, lamp_bytes_text(made->found->pdata[i]));
        char *text = g_strndup((const char *) final.at, final.len);
        g_free(made->found->pdata[i]);
        made->found->pdata[i] = text;
    }
}

/* Is the group of message @i that of its template? */
static gboolean
is_right(const Made *made, guint i)
{
    for (guint k = 0; k < made->truth->len; k++)
        if (g_str_equal(made->found->pdata[i], made->found->pdata[k]) !=
            (g_array_index(made->truth, guint, i) == g_array_index(made->truth, guint, k)))
            return FALSE;
    return TRUE;
}

START_TEST(groups_as_written)
{
    const Style *style = &styles[_i];
    Made made = {g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free),
                 g_array_new(FALSE, FALSE, sizeof(guint))};
    guint right = 0;
    make_style(style->file, &made);
    mine(&made);
    for (guint i = 0; i < made.messages->len; i++) {
        gboolean is_good = is_right(&made, i);
        right += is_good ? 1 : 0;
        if (!is_good && g_getenv("LAMP_SHOW_TEMPLATES") != NULL)
            printf("%s: %s\n    %s\n", style->file, (char *) made.messages->pdata[i],
                   (char *) made.found->pdata[i]);
    }
    double accuracy = (double) right / made.messages->len;
    printf("%-20s %.4f of %u messages\n", style->file, accuracy, made.messages->len);
    fflush(stdout); /* a failure ends the process */
    g_ptr_array_unref(made.messages);
    g_ptr_array_unref(made.found);
    g_array_unref(made.truth);
    ck_assert_msg(accuracy >= style->least, "%s: accuracy %.4f", style->file, accuracy);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("template-styles");
    TCase *tests = tcase_create("template-styles");
    tcase_add_loop_test(tests, groups_as_written, 0, G_N_ELEMENTS(styles));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
