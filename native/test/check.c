/*
 * Tests of the kernels: every set that this machine can run, against float64, bit for bit between row counts, and with pages
 * behind every buffer that must not be touched.
 *
 *   check [quick]     prints a line per failure; exit code 1 if there was one
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

int quick, failures;
static char current[256] = "start";
static int current_failures;

void checking(const char *format, ...) {
  va_list list;
  const int at = snprintf(current, sizeof current, "%s: ", hs_kernels());
  va_start(list, format);
  vsnprintf(current + at, sizeof current - (size_t)at, format, list);
  va_end(list);
  current_failures = 0;
}

void failed(const char *format, ...) {
  failures++;
  if (current_failures++ > 0) return;
  va_list list;
  va_start(list, format);
  printf("FAILED %s: ", current);
  vprintf(format, list);
  printf("\n");
  fflush(stdout);
  va_end(list);
}

static void on_fault(int signal) {
  static const char text[] = "FAILED (touched memory that is not its own) ";
  (void)signal;
  if (write(STDOUT_FILENO, text, sizeof text - 1) < 0 || write(STDOUT_FILENO, current, strlen(current)) < 0 ||
      write(STDOUT_FILENO, "\n", 1) < 0) {
    _exit(3);
  }
  _exit(1);
}

int main(int count, char **arguments) {
  static const char *const names[] = {"avx512-vnni", "avx2", "neon-dotprod", "portable"};
  quick = count > 1 && strcmp(arguments[1], "quick") == 0;
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
  if (hs_abi() != HS_ABI) failed("hs_abi() = %d, not %d", hs_abi(), HS_ABI);
  if (hs_choose("none")) failed("a set named \"none\" was chosen");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!hs_choose(names[i])) continue;
    const double start = (double)clock() / CLOCKS_PER_SEC;
    check_linear();
    check_elementwise();
    check_store();
    check_attend();
    check_others();
    printf("%s: %.1f s\n", hs_kernels(), (double)clock() / CLOCKS_PER_SEC - start);
  }
  free_common_pool();
  printf(failures ? "%d failures\n" : "all passed\n", failures);
  return failures > 0;
}
