/* The same kernels for the host. */
#include "kernels.cu"
