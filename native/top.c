/* The best entries of a row of logits. */
#include <math.h>

#include "heterospec.h"

enum { STEP = 64 };

/* The `k` largest of `row`, best first, ties toward the smaller index; k <= n. NaN is never chosen before a number. */
void hs_top(const float *row, int n, int k, int32_t *ids, float *values) {
  int filled = 0;
  float worst = -INFINITY;
  for (int start = 0; start < n; start += STEP) {
    const int end = start + STEP < n ? start + STEP : n;
    if (filled == k) {
      /* Nearly every step ends here: one vectorised look at its largest entry. */
      int better = 0;
      for (int i = start; i < end; i++) better |= row[i] > worst;
      if (!better) continue;
    }
    for (int i = start; i < end; i++) {
      const float value = row[i];
      if (isnan(value) || (filled == k && !(value > worst))) continue;
      int at = filled < k ? filled++ : k - 1;
      while (at > 0 && values[at - 1] < value) {
        values[at] = values[at - 1];
        ids[at] = ids[at - 1];
        at--;
      }
      values[at] = value;
      ids[at] = i;
      if (filled == k) worst = values[k - 1];
    }
  }
  for (int i = 0; filled < k && i < n; i++) {
    if (!isnan(row[i])) continue;
    values[filled] = row[i];
    ids[filled++] = i;
  }
}
