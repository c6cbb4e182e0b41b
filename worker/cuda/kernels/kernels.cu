/* All kernels. Those over feature maps are there for both types of values. */
#ifndef __CUDACC__
#include <math.h>
#endif
#include "common.h"

DEVICE float rounded_f32(float value) { return value; }

DEVICE Eight load_f32(const float *from) {
    const Words first = ((const Words *)from)[0], second = ((const Words *)from)[1];
    const Eight values = {{single_of(first.x), single_of(first.y), single_of(first.z), single_of(first.w), single_of(second.x),
                           single_of(second.y), single_of(second.z), single_of(second.w)}};
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

DEVICE float rounded_bf16(float value) { return single_of(bf16_of(value) << 16); }

DEVICE Eight load_bf16(const Bf16 *from) {
    const Words words = *(const Words *)from;
    const Eight values = {{single_of(words.x << 16), single_of(words.x & 0xffff0000u), single_of(words.y << 16), single_of(words.y & 0xffff0000u),
                           single_of(words.z << 16), single_of(words.z & 0xffff0000u), single_of(words.w << 16), single_of(words.w & 0xffff0000u)}};
    return values;
}

DEVICE void store_bf16(Bf16 *to, const Eight values) {
    const float *v = values.lane;
    const Words words = {bf16_of(v[0]) | bf16_of(v[1]) << 16, bf16_of(v[2]) | bf16_of(v[3]) << 16, bf16_of(v[4]) | bf16_of(v[5]) << 16,
                         bf16_of(v[6]) | bf16_of(v[7]) << 16};
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
