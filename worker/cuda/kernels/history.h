/* Kernels over what L-BFGS remembers, (blocks, rows, block_len): a block of each row's vector after
 * the other, the last filled up with zeros. Included once for each type of values, as maps.h is. */

/* The products of each row with two vectors. */
typedef struct {
    const VALUE *history;
    const float *vectors[2];
    /* In parts, which are to be added up: (blocks, PRODUCT_THREADS, rows, 2). */
    float *parts;
    unsigned rows, block_len;
    Offset len;
} NAMED(HistoryProducts);

/* Threads that share a row's block. */
#define PRODUCT_THREADS 16

/* A thread for each part of a row's block: every sixteenth eight values of it. */
KERNEL(NAMED(impasto_history_products), NAMED(HistoryProducts)) {
    const unsigned lane = THREAD % PRODUCT_THREADS, row = THREAD / PRODUCT_THREADS % a.rows,
                   block = THREAD / PRODUCT_THREADS / a.rows;
    const VALUE *values = a.history + ((Offset)block * a.rows + row) * a.block_len;
    const Offset first = (Offset)block * a.block_len;
    float sums[2] = {0.0f, 0.0f};
    for (unsigned at = lane * LANES; at < a.block_len; at += PRODUCT_THREADS * LANES) {
        const Eight eight = NAMED(load)(values + at);
        for (int i = 0; i < LANES; i++) {
            if (first + at + i >= a.len) break;
            sums[0] += eight.lane[i] * a.vectors[0][first + at + i];
            sums[1] += eight.lane[i] * a.vectors[1][first + at + i];
        }
    }
    float *parts = a.parts + (((Offset)block * PRODUCT_THREADS + lane) * a.rows + row) * 2;
    parts[0] = sums[0];
    parts[1] = sums[1];
}

/* A step: `start + length * (own_scale * own + history * scales)`, within range, held values where
 * they are. */
typedef struct {
    const float *start, *gradient, *own;
    const VALUE *history;
    /* One for each row. */
    const float *scales;
    float *picture;
    unsigned rows, block_len;
    Offset len;
    float own_scale, length;
} NAMED(FollowHistory);

/* A thread for each eight values of the picture. */
KERNEL(NAMED(impasto_follow_history), NAMED(FollowHistory)) {
    const Offset first = (Offset)THREAD * LANES;
    const VALUE *values =
        a.history + (first / a.block_len * a.rows) * a.block_len + first % a.block_len;
    Eight direction = {{0}};
    for (unsigned row = 0; row < a.rows; row++) {
        const float scale = a.scales[row];
        if (scale == 0.0f) continue;
        const Eight eight = NAMED(load)(values + (Offset)row * a.block_len);
        for (int i = 0; i < LANES; i++) direction.lane[i] += scale * eight.lane[i];
    }
    for (int i = 0; i < LANES; i++) {
        const Offset at = first + i;
        if (at >= a.len) break;
        a.picture[at] = followed(a.start[at], a.gradient[at],
                                 a.own_scale * a.own[at] + direction.lane[i], a.length);
    }
}
