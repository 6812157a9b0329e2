/*
 * Runs a fuzz target on the files of a corpus, without libFuzzer: any compiler, sanitizer or
 * valgrind can replay what was found. Arguments are files and folders. Fails if one that is
 * named is absent, so that a corpus cannot be lost silently.
 */
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>

static guint
replay_file(const char *path)
{
    g_autofree char *content = NULL;
    gsize len = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &content, &len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    g_autofree guint8 *exact = g_memdup2(content, len);
    LLVMFuzzerTestOneInput(exact, len);
    return 1;
}

static guint
replay_folder(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) folder = g_dir_open(path, 0, &error);
    if (folder == NULL) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    guint files = 0;
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        files += replay_file(file);
    }
    return files;
}

int
main(int argc, char **argv)
{
    guint files = 0;
    LLVMFuzzerTestOneInput((const guint8 *) "", 0);
    for (int i = 1; i < argc; i++)
        files += g_file_test(argv[i], G_FILE_TEST_IS_DIR) ? replay_folder(argv[i])
                                                          : replay_file(argv[i]);
    printf("%u inputs\n", files);
    return EXIT_SUCCESS;
}
