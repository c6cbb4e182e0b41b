/* Kernels of networks that paint in one pass, over maps (height, width, channels) in single
 * precision. Channels are a multiple of four, or three, which are colours. A normalisation is
 * applied where its map is read, so that each map is written once and read as it is.
 *
 * A thread sums PIXELS neighbours along a row for four or eight outputs, tap after tap and four
 * inputs at a time: for each four inputs it loads 16 values and 16 or 32 weights, and multiplies 64
 * or 128 times. The threads of a pixel's groups of outputs lie side by side and read the same
 * values. Sums are plain ones in single precision, in one order, of at most 4,608 products; moments
 * are summed from a pivot in single precision over a part, and merged in double. */

/* Channels that are read at a time. */
#define FOUR 4

/* Neighbouring outputs of a thread, which share the weights that it loads. */
#define PIXELS 4

typedef struct {
    float lane[FOUR];
} Four;

DEVICE Four load_four(const float *from) {
    const Words words = words_at(from);
    const Four values = {
        {single_of(words.x), single_of(words.y), single_of(words.z), single_of(words.w)}};
    return values;
}

/* How the values of a map are meant: `scale` times them plus `shift`, of each channel, where these
 * are there; below zero, `slope` times that. There is a whole number of fours of channels. */
typedef struct {
    const float *scale;
    const float *shift;
    float slope;
} Meaning;

DEVICE float sloped(float value, float slope) { return value > 0.0f ? value : slope * value; }

/* Channels from `channel` on of a pixel that begins at `from`; three of colours, and a zero. */
DEVICE Four meant(const float *from, int channel, int channels, const Meaning how) {
    Four values;
    if (channels == 3) {
        for (int i = 0; i < 3; i++) values.lane[i] = from[i];
        values.lane[3] = 0.0f;
    } else {
        values = load_four(from + channel);
    }
    if (how.scale) {
        const Four scale = load_four(how.scale + channel), shift = load_four(how.shift + channel);
        for (int i = 0; i < FOUR; i++)
            values.lane[i] = values.lane[i] * scale.lane[i] + shift.lane[i];
    }
    for (int i = 0; i < FOUR; i++) values.lane[i] = sloped(values.lane[i], how.slope);
    return values;
}

/* The line that is read at `at`, however far beyond the border; never of zeros. */
DEVICE int line_of(int at, int len, int edge) {
    if (at >= 0 && at < len) return at;
    if (edge == EDGE_REPLICATE || len == 1) return at < 0 || len == 1 ? 0 : len - 1;
    const int lap = edge == EDGE_WRAP ? len : 2 * len - 2;
    const int there = ((at % lap) + lap) % lap;
    return there < len ? there : lap - there;
}

typedef struct {
    const float *map;
    /* For each group of outputs, tap and input: a weight for each output of the group. Inputs are a
     * whole number of fours. */
    const float *weights;
    /* Of each output; it may be missing. */
    const float *bias;
    /* A map like the result, which is added to it; it may be missing. */
    const float *added;
    float *result;
    Meaning how;
    int height, width, in_channels, out_channels;
    int side, stride;
    /* 1 where the map is enlarged twofold, by repeating its pixels, before it is read. */
    int enlarges;
    int edge_x, edge_y;
    int out_height, out_width;
    /* result = sloped(added + gain * (sum + bias)) */
    float gain, slope;
} Layer;

/* Sums of `OUTPUTS` outputs at PIXELS pixels beside each other. */
#define LAYER(name, OUTPUTS)                                                                      \
    KERNEL(name, Layer) {                                                                         \
        const unsigned groups = ((unsigned)a.out_channels + OUTPUTS - 1) / OUTPUTS;               \
        const unsigned wide = ((unsigned)a.out_width + PIXELS - 1) / PIXELS;                      \
        const unsigned group = THREAD % groups, place = THREAD / groups;                          \
        const int left = (int)(place % wide) * PIXELS, y = (int)(place / wide);                   \
        const int inputs = (a.in_channels + FOUR - 1) / FOUR * FOUR;                              \
        const int read_width = a.width << a.enlarges, read_height = a.height << a.enlarges;       \
        const float *weights = a.weights + (Offset)group * a.side * a.side * inputs * OUTPUTS;    \
        float sum[PIXELS][OUTPUTS];                                                               \
        for (int i = 0; i < PIXELS; i++)                                                          \
            for (int o = 0; o < OUTPUTS; o++) sum[i][o] = 0.0f;                                   \
        for (int row = 0; row < a.side; row++) {                                                  \
            const int line =                                                                      \
                line_of(y * a.stride + row - a.side / 2, read_height, a.edge_y) >> a.enlarges;    \
            const float *from = a.map + (Offset)line * a.width * a.in_channels;                   \
            for (int column = 0; column < a.side; column++) {                                     \
                const float *pixel[PIXELS];                                                       \
                for (int i = 0; i < PIXELS; i++) {                                                \
                    /* Outputs beyond the last are computed as that, and not written. */          \
                    const int x = left + i < a.out_width ? left + i : a.out_width - 1;            \
                    const int at = line_of(x * a.stride + column - a.side / 2, read_width,        \
                                           a.edge_x) >> a.enlarges;                               \
                    pixel[i] = from + (Offset)at * a.in_channels;                                 \
                }                                                                                 \
                for (int channel = 0; channel < inputs; channel += FOUR) {                        \
                    Four values[PIXELS];                                                          \
                    for (int i = 0; i < PIXELS; i++)                                              \
                        values[i] = meant(pixel[i], channel, a.in_channels, a.how);               \
                    for (int k = 0; k < FOUR; k++) {                                              \
                        float weight[OUTPUTS];                                                    \
                        for (int o = 0; o < OUTPUTS; o += FOUR) {                                 \
                            const Four four = load_four(weights + o);                             \
                            for (int j = 0; j < FOUR; j++) weight[o + j] = four.lane[j];          \
                        }                                                                         \
                        for (int i = 0; i < PIXELS; i++)                                          \
                            for (int o = 0; o < OUTPUTS; o++)                                     \
                                sum[i][o] += values[i].lane[k] * weight[o];                       \
                        weights += OUTPUTS;                                                       \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
        const int first = (int)group * OUTPUTS;                                                   \
        for (int i = 0; i < PIXELS && left + i < a.out_width; i++) {                              \
            const Offset at = ((Offset)y * a.out_width + left + i) * a.out_channels + first;      \
            for (int o = 0; o < OUTPUTS; o++) {                                                   \
                if (first + o >= a.out_channels) continue;                                        \
                float value = sum[i][o] + (a.bias ? a.bias[first + o] : 0.0f);                    \
                value = a.gain * value + (a.added ? a.added[at + o] : 0.0f);                      \
                a.result[at + o] = sloped(value, a.slope);                                        \
            }                                                                                     \
        }                                                                                         \
    }

/* A thread for each PIXELS pixels and each group of outputs, the groups of a pixel side by side. */
LAYER(impasto_layer_4, 4)
LAYER(impasto_layer_8, 8)

/* Mean and spread of a part of a channel's values: how many they are, their mean, and the sum of
 * their squared differences from it. */
typedef struct {
    double pixels, mean, spread;
} Part;

/* Of two parts, the one of both. */
DEVICE Part both(const Part first, const Part second) {
    Part sum = first;
    if (second.pixels > 0.0) {
        const double apart = second.mean - first.mean;
        sum.pixels = first.pixels + second.pixels;
        sum.mean += apart * second.pixels / sum.pixels;
        sum.spread += second.spread + apart * apart * first.pixels * second.pixels / sum.pixels;
    }
    return sum;
}

typedef struct {
    const float *map;
    Part *parts;
    Offset pixels;
    int channels;
    /* How many parts there are of each channel. */
    unsigned count;
} Measure;

/* A thread for each channel of each part, which has every `count`th pixel. Differences from its
 * first one are summed, so that a flat channel has no spread of rounding. */
KERNEL(impasto_measure, Measure) {
    const unsigned channel = THREAD % (unsigned)a.channels, part = THREAD / (unsigned)a.channels;
    const float pivot = a.map[(Offset)part * a.channels + channel];
    float sum = 0.0f, squares = 0.0f;
    unsigned pixels = 0;
    for (Offset at = part; at < a.pixels; at += a.count) {
        const float apart = a.map[at * a.channels + channel] - pivot;
        sum += apart;
        squares += apart * apart;
        pixels++;
    }
    const double mean = (double)sum / pixels, spread = (double)squares - mean * sum;
    const Part own = {(double)pixels, (double)pivot + mean, spread > 0.0 ? spread : 0.0};
    a.parts[THREAD] = own;
}

typedef struct {
    const Part *parts;
    Part *fewer;
    int channels;
    unsigned count, each;
} MergeParts;

/* A thread for each channel of each `each` parts. */
KERNEL(impasto_merge_parts, MergeParts) {
    const unsigned channel = THREAD % (unsigned)a.channels, first = THREAD / (unsigned)a.channels;
    Part sum = {0.0, 0.0, 0.0};
    for (unsigned i = first * a.each; i < (first + 1) * a.each && i < a.count; i++)
        sum = both(sum, a.parts[(Offset)i * a.channels + channel]);
    a.fewer[THREAD] = sum;
}

typedef struct {
    const Part *parts;
    const float *gamma;
    const float *beta;
    float *scale;
    float *shift;
    double epsilon, flat;
    int channels;
    unsigned count;
} Normalize;

/* A thread for each channel, and for those that make their number a multiple of four. */
KERNEL(impasto_normalize, Normalize) {
    double scale = 0.0, shift = 0.0;
    if (THREAD < (unsigned)a.channels) {
        Part sum = {0.0, 0.0, 0.0};
        for (unsigned i = 0; i < a.count; i++)
            sum = both(sum, a.parts[(Offset)i * a.channels + THREAD]);
        const double variance = sum.spread / sum.pixels;
        if (variance >= a.flat) scale = (double)a.gamma[THREAD] / sqrt(variance + a.epsilon);
        shift = (double)a.beta[THREAD] - sum.mean * scale;
    }
    a.scale[THREAD] = (float)scale;
    a.shift[THREAD] = (float)shift;
}

typedef struct {
    const float *first;
    const float *second;
    float *sum;
    Meaning first_how, second_how;
    int channels;
} Join;

/* A thread for each four values of a map and another. */
KERNEL(impasto_join, Join) {
    const int fours = a.channels / FOUR, channel = (int)(THREAD % (unsigned)fours) * FOUR;
    const Offset at = (Offset)(THREAD / (unsigned)fours) * a.channels;
    const Four first = meant(a.first + at, channel, a.channels, a.first_how);
    const Four second = meant(a.second + at, channel, a.channels, a.second_how);
    for (int i = 0; i < FOUR; i++) a.sum[at + channel + i] = first.lane[i] + second.lane[i];
}

typedef struct {
    /* (at least as many rows, row_pixels, 3) */
    const float *map;
    const float *scale;
    const float *shift;
    float *picture;
    int width, row_pixels;
} Colors;

/* A thread for each value of the picture. */
KERNEL(impasto_colors, Colors) {
    const unsigned channel = THREAD % 3u, pixel = THREAD / 3u;
    const Offset x = pixel % (unsigned)a.width, y = pixel / (unsigned)a.width;
    const float value = a.map[(y * a.row_pixels + x) * 3 + channel];
    const float unit = value * a.scale[channel] + a.shift[channel];
    a.picture[THREAD] = 255.0f / (1.0f + expf(-unit));
}
