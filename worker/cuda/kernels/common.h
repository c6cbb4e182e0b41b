/* What all kernels share. They are written in the language that C and CUDA C++ have in common, so
 * that the same source is compiled for cards and, for tests, for the host, where threads run one
 * after the other. No thread knows of another: there is no shared memory and no barrier. */
#ifndef IMPASTO_COMMON_H
#define IMPASTO_COMMON_H

/* KERNEL(name, Parameters) { ... } defines a kernel; inside, `a` are its parameters and THREAD is
 * the number of this thread. */
#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define DEFINE(name, Parameters)                                                 \
    static __device__ __forceinline__ void name##_thread(const Parameters a,     \
                                                         const unsigned THREAD); \
    extern "C" __global__ void __launch_bounds__(256)                            \
        name(const Parameters a, const unsigned threads) {                       \
        const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;           \
        if (thread < threads) name##_thread(a, thread);                          \
    }                                                                            \
    static __device__ __forceinline__ void name##_thread(const Parameters a, const unsigned THREAD)
#else
#define DEVICE static inline
#define DEFINE(name, Parameters)                                          \
    static void name##_thread(const Parameters a, const unsigned THREAD); \
    void name(const void *parameters, unsigned threads) {                 \
        for (unsigned thread = 0; thread < threads; thread++)             \
            name##_thread(*(const Parameters *)parameters, thread);       \
    }                                                                     \
    static void name##_thread(const Parameters a, const unsigned THREAD)
#endif

/* One more step, so that macros in a name are replaced first. */
#define KERNEL(name, Parameters) DEFINE(name, Parameters)

/* Offsets into arrays, which may have more values than fit into 32 bits. */
typedef unsigned long long Offset;

/* 16 bytes that are read and written at once. */
#ifdef __CUDACC__
typedef uint4 Words;
#else
typedef struct {
    unsigned x, y, z, w;
} Words;
#endif

typedef union {
    float value;
    unsigned bits;
} Single;

DEVICE float single_of(unsigned bits) {
    Single single;
    single.bits = bits;
    return single.value;
}

DEVICE unsigned bits_of(float value) {
    Single single;
    single.value = value;
    return single.bits;
}

/* The nearest bf16, ties to even, as its 16 bits. */
DEVICE unsigned bf16_of(float value) {
    const unsigned bits = bits_of(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

/* Channels are computed eight at a time. */
#define LANES 8

typedef struct {
    float lane[LANES];
} Eight;

/* A bit for each value: whether it is above zero. */
DEVICE unsigned char above_zero(const Eight values) {
    unsigned bits = 0;
    for (int i = 0; i < LANES; i++) bits |= (values.lane[i] > 0.0f ? 1u : 0u) << i;
    return (unsigned char)bits;
}

/* Four bytes as a word that lies in memory as they do. */
DEVICE unsigned packed(const unsigned char *bytes) {
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8 | (unsigned)bytes[2] << 16 |
           (unsigned)bytes[3] << 24;
}

/* What lies beyond the border of a map. */
#define EDGE_ZERO 0
#define EDGE_REPLICATE 1
#define EDGE_REFLECT 2
#define EDGE_WRAP 3

/* The line that is read at `at`, from -1 to `len`; -1 where zeros are. */
DEVICE int source(int at, int len, int edge) {
    if (at >= 0 && at < len) return at;
    switch (edge) {
    case EDGE_REPLICATE:
        return at < 0 ? 0 : len - 1;
    case EDGE_REFLECT:
        return at < 0 ? (len > 1 ? 1 : 0) : (len > 1 ? len - 2 : 0);
    case EDGE_WRAP:
        return at < 0 ? len - 1 : 0;
    default:
        return -1;
    }
}

/* Whether the gradient of a map has a line of its own for what was read beyond the border, which is
 * still to be added to the line that was read. */
DEVICE int folds(int edge) { return edge == EDGE_REPLICATE || edge == EDGE_REFLECT; }

/* The line of a map whose gradient stands at `at`, from -1 to `len`, in a framed gradient; -1 where
 * zeros do. */
DEVICE int framed_line(int at, int len, int edge) {
    return source(at, len, edge == EDGE_WRAP ? EDGE_WRAP : EDGE_ZERO);
}

/* Windows of two lines, which begin anew at `seam`: the first line of window `at`, and how many
 * lines it has. */
DEVICE int window_start(int at, int seam) {
    const int before = (seam + 1) / 2;
    return at < before ? 2 * at : seam + 2 * (at - before);
}

DEVICE int window_lines(int at, int len, int seam) {
    const int end = at < (seam + 1) / 2 ? seam : len;
    return end - window_start(at, seam) < 2 ? 1 : 2;
}

/* The window that a line lies in. */
DEVICE int window_of(int line, int seam) {
    return line < seam ? line / 2 : (seam + 1) / 2 + (line - seam) / 2;
}

/* Whether a value may move: not where it stands at a bound and the loss falls only beyond it. */
DEVICE int is_free(float value, float slope) {
    return !((value <= 0.0f && slope > 0.0f) || (value >= 255.0f && slope < 0.0f));
}

/* Where a value comes by a step, within range; one that is held stays. */
DEVICE float followed(float start, float slope, float direction, float length) {
    const float next = is_free(start, slope) ? start + length * direction : start;
    return next < 0.0f ? 0.0f : (next > 255.0f ? 255.0f : next);
}

#endif
