/* Numbers that are best on one processor and not on another; measured at first use (src/model/tuning.ts). */
#include "kernels.h"

struct hs_tuning hs_tuning = {.ahead = 4608, .direct_rows = 9, .slab_from = 16};

void hs_tune(int ahead, int direct_rows, int slab_from) {
  hs_tuning.ahead = ahead;
  hs_tuning.direct_rows = direct_rows < 1 ? 1 : direct_rows > HS_MOST_DIRECT ? HS_MOST_DIRECT : direct_rows;
  hs_tuning.slab_from = slab_from;
}
