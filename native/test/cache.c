/* Key and value caches for the tests of the kernels. */
#include <math.h>
#include <string.h>

#include "check.h"

size_t slot_bytes(int type, int width) {
  return (size_t)(type == HS_F32 ? 4 * width : type == HS_F16 ? 2 * width : width / 32 * 34);
}

double cache_number(int type, const uint8_t *slot, int k) {
  uint16_t bits;
  float x;
  if (type == HS_F32) {
    memcpy(&x, slot + 4 * k, 4);
    return x;
  }
  if (type == HS_F16) {
    memcpy(&bits, slot + 2 * k, 2);
    return half_value(bits);
  }
  memcpy(&bits, slot + k / 32 * 34, 2);
  return half_value(bits) * (int8_t)slot[k / 32 * 34 + 2 + k % 32];
}

void fill_slot(int type, uint8_t *slot, int width, int nan) {
  for (int k = 0; k < width; k++) {
    const float x = nan ? NAN : (float)random_normal();
    const uint16_t bits = nan ? 0x7e00 : half_of(type == HS_F16 ? x : 0.01 * x);
    if (type == HS_F32) memcpy(slot + 4 * k, &x, 4);
    else if (type == HS_F16) memcpy(slot + 2 * k, &bits, 2);
    else if (k % 32 == 0) memcpy(slot + k / 32 * 34, &bits, 2);
    if (type == HS_Q8_0) slot[k / 32 * 34 + 2 + k % 32] = (uint8_t)random_bits();
  }
}
