/* All kernels. Those of maps.h and history.h are there for both types of values. */
#ifndef __CUDACC__
#include <math.h>
#endif
#include "common.h"

/* What no thread of this kernel writes, so that a read need not wait for a write. */
DEVICE Words words_at(const void *from) {
#ifdef __CUDACC__
    return __ldg((const Words *)from);
#else
    return *(const Words *)from;
#endif
}

DEVICE float rounded_f32(float value) { return value; }

DEVICE Eight load_f32(const float *from) {
    const Words first = words_at(from), second = words_at(from + 4);
    const Eight values = {{single_of(first.x), single_of(first.y), single_of(first.z),
                           single_of(first.w), single_of(second.x), single_of(second.y),
                           single_of(second.z), single_of(second.w)}};
    return values;
}

DEVICE void store_f32(float *to, const Eight values) {
    const float *v = values.lane;
    const Words first = {bits_of(v[0]), bits_of(v[1]), bits_of(v[2]), bits_of(v[3])};
    const Words second = {bits_of(v[4]), bits_of(v[5]), bits_of(v[6]), bits_of(v[7])};
    ((Words *)to)[0] = first;
    ((Words *)to)[1] = second;
}

/* A bf16, as its bits. */
typedef unsigned short Bf16;

/* Two, the first in the lower half of a word. */
DEVICE unsigned pair_of_bf16(float first, float second) {
#ifdef __CUDACC__
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
#else
    return bf16_of(first) | bf16_of(second) << 16;
#endif
}

DEVICE float rounded_bf16(float value) { return single_of(pair_of_bf16(value, 0.0f) << 16); }

DEVICE Eight load_bf16(const Bf16 *from) {
    const Words words = words_at(from);
    const Eight values = {{single_of(words.x << 16), single_of(words.x & 0xffff0000u),
                           single_of(words.y << 16), single_of(words.y & 0xffff0000u),
                           single_of(words.z << 16), single_of(words.z & 0xffff0000u),
                           single_of(words.w << 16), single_of(words.w & 0xffff0000u)}};
    return values;
}

DEVICE void store_bf16(Bf16 *to, const Eight values) {
    const float *v = values.lane;
    const Words words = {pair_of_bf16(v[0], v[1]), pair_of_bf16(v[2], v[3]),
                         pair_of_bf16(v[4], v[5]), pair_of_bf16(v[6], v[7])};
    *(Words *)to = words;
}

#define VALUE float
#define NAMED(name) name##_f32
#include "maps.h"
#include "history.h"
#undef VALUE
#undef NAMED

#define VALUE Bf16
#define NAMED(name) name##_bf16
#include "maps.h"
#include "history.h"
#undef VALUE
#undef NAMED

#include "picture.h"
#include "layers.h"
