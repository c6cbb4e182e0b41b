/* Kernels over feature maps, (height, width, channels), for one type of values. Included once for
 * each: VALUE is the type, NAMED(name) a kernel's name for it, and load and store move eight
 * channels. A framed map has one line more on each side: (height + 2, width + 2, channels). */

/* What a convolution gives, to the features that the next one reads. */
typedef struct {
    const VALUE *convolved;
    const float *bias;
    /* Each of these may be missing: the framed map, the map, and one bit for each value: whether it
     * is above zero. */
    VALUE *framed;
    VALUE *features;
    unsigned char *mask;
    int height, width, channels, edge_x, edge_y;
} NAMED(Activate);

DEVICE Eight NAMED(activated)(const VALUE *convolved, const float *bias) {
    Eight values = NAMED(load)(convolved);
    const Eight added = load_f32(bias);
    for (int i = 0; i < LANES; i++) {
        const float value = NAMED(rounded)(values.lane[i] + added.lane[i]);
        values.lane[i] = value > 0.0f ? value : 0.0f;
    }
    return values;
}

/* A thread for each eight values of the framed map. */
KERNEL(NAMED(impasto_activate), NAMED(Activate)) {
    const unsigned groups = (unsigned)a.channels / LANES, wide = (unsigned)a.width + 2;
    const unsigned group = THREAD % groups, pixel = THREAD / groups;
    const int x = (int)(pixel % wide) - 1, y = (int)(pixel / wide) - 1;
    const int from_x = source(x, a.width, a.edge_x), from_y = source(y, a.height, a.edge_y);
    Eight values = {{0}};
    if (from_x >= 0 && from_y >= 0) {
        const Offset from = ((Offset)from_y * a.width + from_x) * a.channels + group * LANES;
        values = NAMED(activated)(a.convolved + from, a.bias + group * LANES);
        if (from_x == x && from_y == y) {
            if (a.features) NAMED(store)(a.features + from, values);
            if (a.mask) a.mask[from / LANES] = above_zero(values);
        }
    }
    if (a.framed) NAMED(store)(a.framed + (Offset)THREAD * LANES, values);
}

/* The same, pooled. */
typedef struct {
    const VALUE *convolved;
    const float *bias;
    /* Of the pooled map. */
    VALUE *framed;
    /* Where gradients go; one of them, or neither. For maxima, the place in each window, a byte for
     * each value of the pooled map; for averages, a bit for each value of the map. */
    unsigned char *winner;
    unsigned char *mask;
    int height, width, channels, edge_x, edge_y;
    /* Of the map that is pooled, and the size of the pooled map. */
    int seam_x, seam_y, pooled_height, pooled_width;
    int is_max;
} NAMED(ActivatePooled);

/* No pixel of a window wins where all are zero. */
#define NOBODY 4

/* A thread for each eight values of the framed, pooled map. */
KERNEL(NAMED(impasto_activate_pooled), NAMED(ActivatePooled)) {
    const unsigned groups = (unsigned)a.channels / LANES, wide = (unsigned)a.pooled_width + 2;
    const unsigned group = THREAD % groups, pixel = THREAD / groups;
    const int x = (int)(pixel % wide) - 1, y = (int)(pixel / wide) - 1;
    const int at_x = source(x, a.pooled_width, a.edge_x),
              at_y = source(y, a.pooled_height, a.edge_y);
    const int is_inner = at_x == x && at_y == y;
    Eight pooled = {{0}};
    unsigned char winner[LANES];
    for (int i = 0; i < LANES; i++) winner[i] = NOBODY;
    if (at_x >= 0 && at_y >= 0) {
        const int left = window_start(at_x, a.seam_x), top = window_start(at_y, a.seam_y);
        const int columns = window_lines(at_x, a.width, a.seam_x),
                  rows = window_lines(at_y, a.height, a.seam_y);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                const Offset from =
                    ((Offset)(top + row) * a.width + left + column) * a.channels + group * LANES;
                const Eight values = NAMED(activated)(a.convolved + from, a.bias + group * LANES);
                if (is_inner && a.mask) a.mask[from / LANES] = above_zero(values);
                for (int i = 0; i < LANES; i++) {
                    if (!a.is_max) {
                        pooled.lane[i] += values.lane[i];
                    } else if (values.lane[i] > pooled.lane[i]) {
                        pooled.lane[i] = values.lane[i];
                        winner[i] = (unsigned char)(2 * row + column);
                    }
                }
            }
        }
        if (!a.is_max) {
            for (int i = 0; i < LANES; i++) pooled.lane[i] *= 2.0f / (float)(rows * columns);
        }
        if (is_inner && a.winner) {
            unsigned *to = (unsigned *)(a.winner + ((Offset)y * a.pooled_width + x) * a.channels +
                                        group * LANES);
            to[0] = packed(winner);
            to[1] = packed(winner + LANES / 2);
        }
    }
    NAMED(store)(a.framed + (Offset)THREAD * LANES, pooled);
}

/* The gradient at a map, with what was read beyond the border added where it was read. The gradient
 * is framed along an axis whose edge folds. */
DEVICE Eight NAMED(folded)(const VALUE *gradient, int x, int y, int width, int height, int channels,
                           int edge_x, int edge_y) {
    const int frame_x = folds(edge_x), frame_y = folds(edge_y), wide = width + 2 * frame_x;
    /* Only the two lines next to a border were read from beyond it. */
    const int is_near =
        (frame_x && (x < 2 || x >= width - 2)) || (frame_y && (y < 2 || y >= height - 2));
    if (!is_near)
        return NAMED(load)(gradient + ((Offset)(y + frame_y) * wide + x + frame_x) * channels);
    Eight sum = {{0}};
    for (int j = 0; j < 3; j++) {
        const int line = j == 0 ? y : (j == 1 ? -1 : height);
        if (j > 0 && !(frame_y && source(line, height, edge_y) == y)) continue;
        for (int i = 0; i < 3; i++) {
            const int column = i == 0 ? x : (i == 1 ? -1 : width);
            if (i > 0 && !(frame_x && source(column, width, edge_x) == x)) continue;
            const Eight part = NAMED(load)(
                gradient + ((Offset)(line + frame_y) * wide + column + frame_x) * channels);
            for (int lane = 0; lane < LANES; lane++) sum.lane[lane] += part.lane[lane];
        }
    }
    return sum;
}

/* From the gradient at features to that before bias and ReLU, framed for the convolution that goes
 * back. */
typedef struct {
    /* The gradient from the layers above; that of this layer's own loss, and a part of it that is
     * the same for all pixels, one value a channel. Each may be missing. */
    const VALUE *above;
    const VALUE *pulled;
    const float *everywhere;
    /* What both of this layer's own parts are multiplied by, one value a pixel; it may be missing.
     */
    const float *weights;
    /* What the ReLU let through: one of them. */
    const VALUE *features;
    const unsigned char *mask;
    VALUE *framed;
    int height, width, channels, edge_x, edge_y;
} NAMED(Gate);

/* A thread for each eight values of the framed gradient. */
KERNEL(NAMED(impasto_gate), NAMED(Gate)) {
    const unsigned groups = (unsigned)a.channels / LANES, wide = (unsigned)a.width + 2;
    const unsigned group = THREAD % groups, pixel = THREAD / groups;
    const int x = framed_line((int)(pixel % wide) - 1, a.width, a.edge_x);
    const int y = framed_line((int)(pixel / wide) - 1, a.height, a.edge_y);
    Eight gradient = {{0}};
    if (x >= 0 && y >= 0) {
        const Offset at = ((Offset)y * a.width + x) * a.channels + group * LANES;
        const unsigned open =
            a.mask ? a.mask[at / LANES] : above_zero(NAMED(load)(a.features + at));
        if (a.above)
            gradient = NAMED(folded)(a.above + group * LANES, x, y, a.width, a.height, a.channels,
                                     a.edge_x, a.edge_y);
        const float weight = a.weights ? a.weights[(Offset)y * a.width + x] : 1.0f;
        if (a.pulled) {
            const Eight pulled = NAMED(load)(a.pulled + at);
            for (int i = 0; i < LANES; i++) gradient.lane[i] += weight * pulled.lane[i];
        }
        Eight everywhere = {{0}};
        if (a.everywhere) everywhere = load_f32(a.everywhere + group * LANES);
        for (int i = 0; i < LANES; i++)
            gradient.lane[i] =
                open >> i & 1u ? gradient.lane[i] + weight * everywhere.lane[i] : 0.0f;
    }
    NAMED(store)(a.framed + (Offset)THREAD * LANES, gradient);
}

/* The same through a pooling. */
typedef struct {
    /* The gradient at the pooled map. */
    const VALUE *above;
    /* One of them, as they were written. */
    const unsigned char *winner;
    const unsigned char *mask;
    VALUE *framed;
    int height, width, channels, edge_x, edge_y;
    int seam_x, seam_y, pooled_height, pooled_width;
} NAMED(GatePooled);

/* A thread for each eight values of the framed gradient. */
KERNEL(NAMED(impasto_gate_pooled), NAMED(GatePooled)) {
    const unsigned groups = (unsigned)a.channels / LANES, wide = (unsigned)a.width + 2;
    const unsigned group = THREAD % groups, pixel = THREAD / groups;
    const int x = framed_line((int)(pixel % wide) - 1, a.width, a.edge_x);
    const int y = framed_line((int)(pixel / wide) - 1, a.height, a.edge_y);
    Eight gradient = {{0}};
    if (x >= 0 && y >= 0) {
        const int at_x = window_of(x, a.seam_x), at_y = window_of(y, a.seam_y);
        const VALUE *above = a.above + group * LANES;
        gradient = NAMED(folded)(above, at_x, at_y, a.pooled_width, a.pooled_height, a.channels,
                                 a.edge_x, a.edge_y);
        if (a.winner) {
            const int place =
                2 * (y - window_start(at_y, a.seam_y)) + x - window_start(at_x, a.seam_x);
            const unsigned char *winner =
                a.winner + ((Offset)at_y * a.pooled_width + at_x) * a.channels + group * LANES;
            for (int i = 0; i < LANES; i++)
                gradient.lane[i] = winner[i] == place ? gradient.lane[i] : 0.0f;
        } else {
            const int pixels =
                window_lines(at_x, a.width, a.seam_x) * window_lines(at_y, a.height, a.seam_y);
            const unsigned open =
                a.mask[(((Offset)y * a.width + x) * a.channels + group * LANES) / LANES];
            for (int i = 0; i < LANES; i++)
                gradient.lane[i] =
                    open >> i & 1u ? gradient.lane[i] * (2.0f / (float)pixels) : 0.0f;
        }
    }
    NAMED(store)(a.framed + (Offset)THREAD * LANES, gradient);
}

/* From a picture, red, green and blue, to the framed map that the first convolution reads: blue,
 * green and red less their means, then what rounding left of them, then zeros. */
typedef struct {
    const float *picture;
    VALUE *framed;
    int picture_width;
    /* The tile: its size, where it begins in the picture, and after how many of its lines the
     * picture begins anew; 0 where it does not. */
    int height, width, origin_x, origin_y, seam_x, seam_y;
    int edge_x, edge_y;
    float blue, green, red;
} NAMED(Enter);

/* A thread for each pixel of the framed map. */
KERNEL(NAMED(impasto_enter), NAMED(Enter)) {
    const unsigned wide = (unsigned)a.width + 2;
    const int x = source((int)(THREAD % wide) - 1, a.width, a.edge_x),
              y = source((int)(THREAD / wide) - 1, a.height, a.edge_y);
    Eight values = {{0}};
    if (x >= 0 && y >= 0) {
        const int at_x = a.seam_x == 0 || x < a.seam_x ? a.origin_x + x : x - a.seam_x;
        const int at_y = a.seam_y == 0 || y < a.seam_y ? a.origin_y + y : y - a.seam_y;
        const float *pixel = a.picture + ((Offset)at_y * a.picture_width + at_x) * 3;
        const float less[3] = {pixel[2] - a.blue, pixel[1] - a.green, pixel[0] - a.red};
        for (int i = 0; i < 3; i++) {
            values.lane[i] = NAMED(rounded)(less[i]);
            values.lane[3 + i] = less[i] - values.lane[i];
        }
    }
    NAMED(store)(a.framed + (Offset)THREAD * LANES, values);
}

/* How statistics pull on features; see the engine's objective. */
typedef struct {
    /* The sums of products of channels, (channels, channels), and below them those of channels. */
    const float *sums;
    /* What they are to become: per pixel. */
    const float *gram, *mean, *deviation;
    /* What the gradient at features `F` is made of: `F pull + everywhere`. */
    VALUE *pull;
    float *everywhere;
    /* Squared differences, to be summed: (channels, channels / 8), (channels) and (channels). */
    float *gram_squares, *mean_squares, *deviation_squares;
    int channels;
    float per_pixel, gram_weight, mean_weight, deviation_weight, least_deviation;
} NAMED(Pull);

/* A thread for each eight values of the pull. */
KERNEL(NAMED(impasto_pull), NAMED(Pull)) {
    const unsigned groups = (unsigned)a.channels / LANES;
    const unsigned row = THREAD / groups, group = THREAD % groups;
    const float *sums = a.sums + (Offset)row * a.channels;
    const float mean = a.sums[(Offset)a.channels * a.channels + row] * a.per_pixel;
    /* How the deviation of this channel pulls. */
    float slope = 0.0f, deviation_square = 0.0f;
    if (a.deviation_weight > 0.0f) {
        const float variance = sums[row] * a.per_pixel - mean * mean;
        const float deviation = sqrtf(variance > 0.0f ? variance : 0.0f) + a.least_deviation;
        const float difference = deviation - a.deviation[row];
        deviation_square = difference * difference;
        slope = 2.0f * a.deviation_weight * difference / deviation;
    }
    Eight pull;
    float squares = 0.0f;
    for (int i = 0; i < LANES; i++) {
        const unsigned column = group * LANES + (unsigned)i;
        const float difference =
            sums[column] * a.per_pixel - a.gram[(Offset)row * a.channels + column];
        squares += difference * difference;
        pull.lane[i] =
            (4.0f * a.gram_weight * difference + (column == row ? slope : 0.0f)) * a.per_pixel;
    }
    NAMED(store)(a.pull + (Offset)THREAD * LANES, pull);
    a.gram_squares[THREAD] = squares;
    if (group == 0) {
        const float difference = mean - a.mean[row];
        a.mean_squares[row] = difference * difference;
        a.deviation_squares[row] = deviation_square;
        a.everywhere[row] = (2.0f * a.mean_weight * difference - slope * mean) * a.per_pixel;
    }
}

/* Features against what they are to be: a window of a tile's features, and the whole picture's
 * target. */
typedef struct {
    const VALUE *features, *target;
    /* What the squares are multiplied by, one value a pixel of the tile; it may be missing. */
    const float *weights;
    /* One of them: the squared differences, a sum for each eight values, or `pull` times the
     * differences. */
    float *squares;
    VALUE *pulled;
    int width, channels;
    /* The window. */
    int x, y, rows, columns;
    /* Where the tile begins in the target, and after how many of its lines the target begins anew;
     * 0 where it does not. */
    int origin_x, origin_y, seam_x, seam_y, target_width;
    float pull;
} NAMED(Compare);

/* A thread for each eight values of the window. */
KERNEL(NAMED(impasto_compare), NAMED(Compare)) {
    const unsigned groups = (unsigned)a.channels / LANES;
    const unsigned group = THREAD % groups, pixel = THREAD / groups;
    const int x = a.x + (int)(pixel % (unsigned)a.columns),
              y = a.y + (int)(pixel / (unsigned)a.columns);
    const int at_x = a.seam_x == 0 || x < a.seam_x ? a.origin_x + x : x - a.seam_x;
    const int at_y = a.seam_y == 0 || y < a.seam_y ? a.origin_y + y : y - a.seam_y;
    Eight difference =
        NAMED(load)(a.features + ((Offset)y * a.width + x) * a.channels + group * LANES);
    const Eight target =
        NAMED(load)(a.target + ((Offset)at_y * a.target_width + at_x) * a.channels + group * LANES);
    float squares = 0.0f;
    for (int i = 0; i < LANES; i++) {
        difference.lane[i] -= target.lane[i];
        squares += difference.lane[i] * difference.lane[i];
        difference.lane[i] *= a.pull;
    }
    if (a.weights) squares *= a.weights[(Offset)y * a.width + x];
    if (a.squares) a.squares[THREAD] = squares;
    if (a.pulled) NAMED(store)(a.pulled + (Offset)THREAD * LANES, difference);
}

/* Features, each pixel multiplied by its weight. */
typedef struct {
    const VALUE *features;
    const float *weights;
    VALUE *weighted;
    int channels;
} NAMED(Weigh);

/* A thread for each eight values. */
KERNEL(NAMED(impasto_weigh), NAMED(Weigh)) {
    const float weight = a.weights[THREAD / ((unsigned)a.channels / LANES)];
    Eight values = NAMED(load)(a.features + (Offset)THREAD * LANES);
    for (int i = 0; i < LANES; i++) values.lane[i] *= weight;
    NAMED(store)(a.weighted + (Offset)THREAD * LANES, values);
}
