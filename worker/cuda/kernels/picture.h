/* Kernels over pictures, (height, width, 3), and what an optimiser remembers of them: single
 * precision. */

/* The gradient at a tile's pixels, from that at the first convolution's output times its weights: a
 * matrix of 32 columns, three for each of the nine taps, with a row for each pixel of the framed
 * gradient. */
typedef struct {
    const float *taps;
    /* Of the pixels from (x, y) on, (rows, columns, 3), red, green and blue. */
    float *gradient;
    int height, width, edge_x, edge_y;
    int x, y, rows, columns;
} Exit;

#define TAP_COLUMNS 32

DEVICE void add_taps(const Exit a, int x, int y, float sum[3]) {
    for (int tap_y = 0; tap_y < 3; tap_y++) {
        for (int tap_x = 0; tap_x < 3; tap_x++) {
            /* The output that read this pixel by this tap, from -1 on. */
            const int from_x = x - (tap_x - 1), from_y = y - (tap_y - 1);
            if (from_x < -1 || from_x > a.width || from_y < -1 || from_y > a.height) continue;
            const float *row = a.taps +
                               ((Offset)(from_y + 1) * (a.width + 2) + from_x + 1) * TAP_COLUMNS +
                               3 * (3 * tap_y + tap_x);
            for (int channel = 0; channel < 3; channel++) sum[channel] += row[channel];
        }
    }
}

/* A thread for each pixel of the gradient. */
KERNEL(impasto_exit, Exit) {
    const int x = a.x + (int)(THREAD % (unsigned)a.columns),
              y = a.y + (int)(THREAD / (unsigned)a.columns);
    float sum[3] = {0.0f, 0.0f, 0.0f};
    for (int j = 0; j < 3; j++) {
        const int line = j == 0 ? y : (j == 1 ? -1 : a.height);
        if (j > 0 && !(folds(a.edge_y) && source(line, a.height, a.edge_y) == y)) continue;
        for (int i = 0; i < 3; i++) {
            const int column = i == 0 ? x : (i == 1 ? -1 : a.width);
            if (i > 0 && !(folds(a.edge_x) && source(column, a.width, a.edge_x) == x)) continue;
            add_taps(a, column, line, sum);
        }
    }
    float *to = a.gradient + (Offset)THREAD * 3;
    for (int channel = 0; channel < 3; channel++) to[channel] = sum[2 - channel];
}

/* A picture of half the size, by a filter of four taps along each axis. */
typedef struct {
    const float *picture;
    /* The lines that each line of the half is made of: (coarse_width, 4) and (coarse_height, 4). */
    const unsigned *taps_x, *taps_y;
    /* Their weights, of the same shapes. */
    const float *filters_x, *filters_y;
    float *half;
    int width, coarse_width;
} Halve;

/* A thread for each pixel of the half. */
KERNEL(impasto_halve, Halve) {
    const Offset x = 4 * (Offset)(THREAD % (unsigned)a.coarse_width);
    const Offset y = 4 * (Offset)(THREAD / (unsigned)a.coarse_width);
    float sum[3] = {0.0f, 0.0f, 0.0f};
    for (int j = 0; j < 4; j++) {
        const float *line = a.picture + (Offset)a.taps_y[y + j] * a.width * 3;
        for (int i = 0; i < 4; i++) {
            const float share = a.filters_y[y + j] * a.filters_x[x + i];
            const float *pixel = line + (Offset)a.taps_x[x + i] * 3;
            for (int channel = 0; channel < 3; channel++) sum[channel] += share * pixel[channel];
        }
    }
    for (int channel = 0; channel < 3; channel++)
        a.half[(Offset)THREAD * 3 + channel] = sum[channel];
}

/* A picture plus its enlarged half. */
typedef struct {
    const float *picture, *half;
    /* For each line, which lines of the half it is part of, and the shares: (width, spread_x) and
     * (height, spread_y). */
    const unsigned *lines_x, *lines_y;
    const float *shares_x, *shares_y;
    float *sum;
    int width, coarse_width, spread_x, spread_y;
    float weight;
} Enlarge;

/* A thread for each pixel of the picture. */
KERNEL(impasto_enlarge, Enlarge) {
    const unsigned x = THREAD % (unsigned)a.width, y = THREAD / (unsigned)a.width;
    float sum[3] = {0.0f, 0.0f, 0.0f};
    for (int j = 0; j < a.spread_y; j++) {
        const float share_y = a.shares_y[(Offset)y * a.spread_y + j];
        const float *line =
            a.half + (Offset)a.lines_y[(Offset)y * a.spread_y + j] * a.coarse_width * 3;
        for (int i = 0; i < a.spread_x; i++) {
            const float share = share_y * a.shares_x[(Offset)x * a.spread_x + i];
            const float *pixel = line + (Offset)a.lines_x[(Offset)x * a.spread_x + i] * 3;
            for (int channel = 0; channel < 3; channel++) sum[channel] += share * pixel[channel];
        }
    }
    for (int channel = 0; channel < 3; channel++) {
        const Offset at = (Offset)THREAD * 3 + channel;
        a.sum[at] = a.picture[at] + a.weight * sum[channel];
    }
}

/* A gradient with held values at zero. */
typedef struct {
    const float *picture, *gradient;
    float *free;
} Free;

KERNEL(impasto_free, Free) {
    a.free[THREAD] = is_free(a.picture[THREAD], a.gradient[THREAD]) ? a.gradient[THREAD] : 0.0f;
}

/* A step of Adam, and of the average of its pictures. */
typedef struct {
    const float *picture, *gradient, *first, *second;
    /* May be missing, and then so is what it becomes. */
    const float *average;
    float *next, *next_first, *next_second, *next_average;
    float beta_1, beta_2, averaging;
    /* Of the moments, freed of their start at zero. */
    float step, free, epsilon;
} Adam;

KERNEL(impasto_adam, Adam) {
    const float slope = a.gradient[THREAD];
    const float first = a.beta_1 * a.first[THREAD] + (1.0f - a.beta_1) * slope;
    const float second = a.beta_2 * a.second[THREAD] + (1.0f - a.beta_2) * (slope * slope);
    const float moved = a.picture[THREAD] - a.step * first / (sqrtf(a.free * second) + a.epsilon);
    const float next = moved < 0.0f ? 0.0f : (moved > 255.0f ? 255.0f : moved);
    a.next[THREAD] = next;
    a.next_first[THREAD] = first;
    a.next_second[THREAD] = second;
    if (a.average)
        a.next_average[THREAD] = a.averaging * a.average[THREAD] + (1.0f - a.averaging) * next;
}

/* A gradient with that of a picture's total variation added, and the squared differences to be
 * summed. */
typedef struct {
    const float *picture, *gradient;
    float *sum;
    /* Of each pixel, over its channels, to the next pixel and to the next line. */
    float *squares;
    int height, width, wraps_x, wraps_y;
    float scale;
} Variation;

/* What a value has more than the next along an axis: 0 after the last, unless the axis wraps. A
 * line of one pixel has no neighbour. */
DEVICE float more_than_next(const float *picture, Offset line, int at, int len, Offset step,
                            int wraps) {
    if (len == 1 || (at == len - 1 && !wraps)) return 0.0f;
    return picture[line + at * step] - picture[line + (at == len - 1 ? 0 : at + 1) * step];
}

DEVICE float more_than_previous(const float *picture, Offset line, int at, int len, Offset step,
                                int wraps) {
    return at == 0 ? more_than_next(picture, line, len - 1, len, step, wraps)
                   : more_than_next(picture, line, at - 1, len, step, wraps);
}

/* A thread for each pixel. */
KERNEL(impasto_variation, Variation) {
    const int x = (int)(THREAD % (unsigned)a.width), y = (int)(THREAD / (unsigned)a.width);
    const Offset below = (Offset)a.width * 3;
    float squares = 0.0f;
    for (int channel = 0; channel < 3; channel++) {
        const Offset row = y * below + channel, column = (Offset)x * 3 + channel,
                     at = y * below + column;
        const float across = more_than_next(a.picture, row, x, a.width, 3, a.wraps_x);
        const float down = more_than_next(a.picture, column, y, a.height, below, a.wraps_y);
        squares += across * across + down * down;
        const float from_left = more_than_previous(a.picture, row, x, a.width, 3, a.wraps_x);
        const float from_above =
            more_than_previous(a.picture, column, y, a.height, below, a.wraps_y);
        a.sum[at] = a.gradient[at] + 2.0f * a.scale * (across - from_left + down - from_above);
    }
    a.squares[THREAD] = squares;
}

/* Sums of vectors that lie one after the other: of the first `each` of them, of the next, and so
 * on. */
typedef struct {
    const float *parts;
    float *sums;
    unsigned count, len, each;
} AddParts;

/* A thread for each value of each sum. */
KERNEL(impasto_add_parts, AddParts) {
    const unsigned at = THREAD % a.len, first = THREAD / a.len * a.each;
    const unsigned end = a.count - first < a.each ? a.count : first + a.each;
    float sum = 0.0f;
    for (unsigned part = first; part < end; part++) sum += a.parts[(Offset)part * a.len + at];
    a.sums[THREAD] = sum;
}

/* The sums of several vectors at once, or of products of two. */
#define MOST_SUMS 32

typedef struct {
    const float *values[MOST_SUMS];
    /* What they are multiplied by; may be missing. */
    const float *factors[MOST_SUMS];
    Offset len[MOST_SUMS];
    /* The parts that are to be added up: one for each thread. */
    double *parts;
    /* The threads of vector `i` are those from `first[i]` up to `first[i + 1]`. */
    unsigned first[MOST_SUMS + 1];
} Sums;

KERNEL(impasto_sums, Sums) {
    int which = 0;
    while (THREAD >= a.first[which + 1]) which++;
    const unsigned threads = a.first[which + 1] - a.first[which];
    double sum = 0.0;
    const float *values = a.values[which], *factors = a.factors[which];
    const Offset len = a.len[which];
    Offset at = THREAD - a.first[which];
    /* Four at a time, so that none waits for the one before. */
    double more[3] = {0.0, 0.0, 0.0};
    if (factors) {
        for (; at + 3 * (Offset)threads < len; at += 4 * (Offset)threads) {
            sum += (double)values[at] * (double)factors[at];
            for (int i = 0; i < 3; i++)
                more[i] += (double)values[at + (i + 1) * (Offset)threads] *
                           (double)factors[at + (i + 1) * (Offset)threads];
        }
        for (; at < len; at += threads) sum += (double)values[at] * (double)factors[at];
    } else {
        for (; at + 3 * (Offset)threads < len; at += 4 * (Offset)threads) {
            sum += (double)values[at];
            for (int i = 0; i < 3; i++) more[i] += (double)values[at + (i + 1) * (Offset)threads];
        }
        for (; at < len; at += threads) sum += (double)values[at];
    }
    a.parts[THREAD] = sum + more[0] + (more[1] + more[2]);
}

/* Fewer parts of the same sums. */
typedef struct {
    const double *parts;
    double *fewer;
    /* The parts of sum `i` are those from `first[i]` up to `first[i + 1]`, and the fewer ones
     * likewise. */
    unsigned first[MOST_SUMS + 1], fewer_first[MOST_SUMS + 1];
} FewerSums;

/* A thread for each of the fewer parts. */
KERNEL(impasto_fewer_sums, FewerSums) {
    int which = 0;
    while (THREAD >= a.fewer_first[which + 1]) which++;
    const unsigned threads = a.fewer_first[which + 1] - a.fewer_first[which],
                   end = a.first[which + 1];
    double sum = 0.0;
    for (unsigned at = a.first[which] + THREAD - a.fewer_first[which]; at < end; at += threads)
        sum += a.parts[at];
    a.fewer[THREAD] = sum;
}
