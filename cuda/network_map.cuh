// Kernels that map elements: GEGLU, changes of size, element-wise functions, layout, embeddings. Each reads and writes
// every byte once; a grid strides over what there is.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

// geglu: y[r,c] = x[r,c] * gelu(x[r,C+c]) (Shazeer, 2020, arXiv:2002.05202).
template <int V, typename T>
__device__ __forceinline__ void geglu(const T* x, T* y, uint64_t xs, uint64_t ys, uint64_t rows, int channels) {
    const int columns = channels / V;
    for (uint64_t i = first_item(); i < rows * columns; i += all_threads()) {
        const uint64_t row = i / columns;
        const int c = int(i % columns) * V;
        float a[V], b[V];
        load<V>(a, x + row * xs + c);
        load<V>(b, x + row * xs + channels + c);
#pragma unroll
        for (int v = 0; v < V; ++v) a[v] *= gelu(b[v]);
        store<V>(y + row * ys + c, a);
    }
}

// The changes of size, numbered as package netkernels does.
enum Resize { kUpNearest, kDownMean, kUpFIR, kDownFIR };

// fir_weight is the kernel (1,3,3,1), whose sum is 8.
__device__ __forceinline__ float fir_weight(int k) { return k == 1 || k == 2 ? 3.0f : 1.0f; }

// resize makes N images of oh x ow of N of h x w. Karras et al., 2020 (StyleGAN2), as Song et al., 2021, use it: up
// puts zeros between pixels, down takes every second; both are two-dimensional filters with zeros outside.
template <int V, typename T>
__device__ __forceinline__ void resize(const T* x, T* y, uint64_t xs, uint64_t ys, int n, int h, int w, int oh, int ow,
                                       int channels, int mode) {
    const int columns = channels / V;
    const uint64_t pixels = (uint64_t)n * oh * ow;
    for (uint64_t i = first_item(); i < pixels * columns; i += all_threads()) {
        const uint64_t p = i / columns;
        const int c = int(i % columns) * V, ox = int(p % ow), oy = int(p / ow % oh);
        const T* image = x + p / ((uint64_t)oh * ow) * h * w * xs + c;
        float sum[V], r[V];
        if (mode == kUpNearest) {
            load<V>(sum, image + ((uint64_t)(oy / 2) * w + ox / 2) * xs);
            store<V>(y + p * ys + c, sum);
            continue;
        }
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] = 0.0f;
        const int taps = mode == kDownMean ? 2 : 4;
#pragma unroll 1
        for (int ky = 0; ky < taps; ++ky)
#pragma unroll 1
            for (int kx = 0; kx < taps; ++kx) {
                int iy, ix;
                float weight = 1.0f;
                if (mode == kDownMean) {
                    iy = 2 * oy + ky, ix = 2 * ox + kx;
                } else {
                    weight = fir_weight(ky) * fir_weight(kx);
                    if (mode == kDownFIR) {
                        iy = 2 * oy + ky - 1, ix = 2 * ox + kx - 1;
                    } else {  // places of the image with zeros between: only even ones hold a pixel
                        const int uy = oy + ky - 2, ux = ox + kx - 2;
                        if ((uy | ux) & 1) continue;
                        iy = uy >> 1, ix = ux >> 1;
                    }
                }
                if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
                load<V>(r, image + ((uint64_t)iy * w + ix) * xs);
#pragma unroll
                for (int v = 0; v < V; ++v) sum[v] += weight * r[v];
            }
        const float scale = mode == kDownMean ? 0.25f : mode == kDownFIR ? 1.0f / 64 : 1.0f / 16;
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] *= scale;
        store<V>(y + p * ys + c, sum);
    }
}

// The element-wise functions, numbered as package netkernels does.
enum Pointwise { kCopy, kActivate, kAffine, kSum, kAddRow, kDivRow, kAddImage, kGate };

// pointwise is y = f(x, b) over rows of channels: b is another tensor (kSum: (x+b)/add), a vector of the image
// (kAddRow), one image for all (kAddImage), what a vector g of the image lets through (kGate: x + g b, each operation
// rounded), or unused; t is a number of the image (kDivRow). An image has `pixels` rows.
template <int V, typename T>
__device__ __forceinline__ void pointwise(const T* x, const T* b, T* y, const float* t, uint64_t xs, uint64_t bs,
                                          uint64_t ys, uint64_t rows, uint64_t pixels, int channels, int op, int act,
                                          float mul, float add, const T* g, uint64_t gs) {
    const int columns = channels / V;
    for (uint64_t i = first_item(); i < rows * columns; i += all_threads()) {
        const uint64_t row = i / columns;
        const int c = int(i % columns) * V;
        float r[V], z[V];
        load<V>(r, x + row * xs + c);
        if (op == kSum || op == kGate) load<V>(z, b + row * bs + c);
        if (op == kAddRow) load<V>(z, b + row / pixels * bs + c);
        if (op == kAddImage) load<V>(z, b + row % pixels * bs + c);
        if (op == kGate) {
            float w[V];
            load<V>(w, g + row / pixels * gs + c);
#pragma unroll
            for (int v = 0; v < V; ++v) z[v] = __fmul_rn(w[v], z[v]);
        }
        const float d = op == kDivRow ? t[row / pixels] : add;
        auto each = [&](auto f) {
#pragma unroll
            for (int v = 0; v < V; ++v) r[v] = f(r[v], z[v]);
        };
        switch (op) {
        case kActivate: activate_all<V>(act, r); break;
        case kAffine: each([&](float x, float) { return x * mul + add; }); break;
        case kSum: each([&](float x, float o) { return __fdiv_rn(x + o, d); }); break;
        case kAddRow:
        case kAddImage:
        case kGate: each([&](float x, float o) { return __fadd_rn(x, o); }); break;
        case kDivRow: each([&](float x, float) { return __fdiv_rn(x, d); }); break;
        }
        store<V>(y + row * ys + c, r);
    }
}

// shuffle brings blocks of side x side pixels into channels (To), or back: h x w blocks an image, `channels` of a pixel.
// Channel c of pixel (p, q) of a block is number (p side + q) channels + c, or, channels first, (c side + p) side + q.
// Neighbouring threads have neighbouring channels of the pixels.
template <bool To, typename T>
__device__ __forceinline__ void shuffle(const T* x, T* y, uint64_t xs, uint64_t ys, uint64_t images, int h, int w, int side,
                                        int channels, int channels_first) {
    const uint64_t pixels = images * h * side * w * side;
    for (uint64_t i = first_item(); i < pixels * channels; i += all_threads()) {
        const uint64_t pixel = i / channels, line = pixel / ((uint64_t)w * side), block = line / side * w + pixel / side % w;
        const int c = int(i % channels), part = int(line % side) * side + int(pixel % side);
        const int k = channels_first ? c * side * side + part : part * channels + c;
        if constexpr (To) y[block * ys + k] = x[pixel * xs + c];
        else y[pixel * ys + c] = x[block * xs + k];
    }
}

// Images hold [N, C, H*W] in a type that is known at run time, numbered as package netkernels does.
__device__ __forceinline__ float load_image(const void* image, int type, uint64_t i) {
    if (type == 0) return static_cast<const float*>(image)[i];
    return type == 1 ? to_float(static_cast<const f16*>(image)[i]) : to_float(static_cast<const bf16*>(image)[i]);
}
__device__ __forceinline__ void store_image(void* image, int type, uint64_t i, float v) {
    if (type == 0) static_cast<float*>(image)[i] = v;
    else if (type == 1) static_cast<f16*>(image)[i] = cast<f16>(v);
    else static_cast<bf16*>(image)[i] = cast<bf16>(v);
}
// image_of is the image of row n: some images of a batch, or all in order.
__device__ __forceinline__ uint64_t image_of(const int* index, uint64_t n) { return index ? index[n] : n; }

// layout brings images into rows of pixels (To), or back. Neighbouring threads have neighbouring pixels: of the few
// channels of latents that is what memory wants on both sides.
template <bool To, typename T>
__device__ __forceinline__ void layout(void* image, T* rows, const int* index, uint64_t stride, uint64_t images,
                                       uint64_t pixels, int channels, int type) {
    for (uint64_t i = first_item(); i < images * pixels; i += all_threads()) {
        const uint64_t at = image_of(index, i / pixels) * channels * pixels + i % pixels;
        for (int c = 0; c < channels; ++c) {
            if constexpr (To) rows[i * stride + c] = cast<T>(load_image(image, type, at + c * pixels));
            else store_image(image, type, at + c * pixels, to_float(rows[i * stride + c]));
        }
    }
}

// layout_tiled does the same for many channels: tiles of 32 x 32 turn in shared memory.
template <bool To, typename T>
__device__ __forceinline__ void layout_tiled(void* image, T* rows, const int* index, uint64_t stride, uint64_t images,
                                             uint64_t pixels, int channels, int type) {
    __shared__ float tile[32][33];
    const int tx = threadIdx.x % 32, ty = threadIdx.x / 32;
    const uint64_t across = (channels + 31) / 32, down = (pixels + 31) / 32;
    for (uint64_t i = blockIdx.x; i < images * down * across; i += gridDim.x) {
        const uint64_t n = i / (down * across), p0 = i / across % down * 32;
        const int c0 = int(i % across) * 32;
        const uint64_t at = image_of(index, n) * channels * pixels;
        __syncthreads();
#pragma unroll
        for (int j = ty; j < 32; j += 8) {
            if constexpr (To) {
                if (c0 + j < channels && p0 + tx < pixels) tile[j][tx] = load_image(image, type, at + (c0 + j) * pixels + p0 + tx);
            } else {
                if (c0 + tx < channels && p0 + j < pixels) tile[tx][j] = to_float(rows[(n * pixels + p0 + j) * stride + c0 + tx]);
            }
        }
        __syncthreads();
#pragma unroll
        for (int j = ty; j < 32; j += 8) {
            if constexpr (To) {
                if (c0 + tx < channels && p0 + j < pixels) rows[(n * pixels + p0 + j) * stride + c0 + tx] = cast<T>(tile[tx][j]);
            } else {
                if (c0 + j < channels && p0 + tx < pixels) store_image(image, type, at + (c0 + j) * pixels + p0 + tx, tile[j][tx]);
            }
        }
    }
}

// sincos of float32 arguments, right to their last place: the angle is reduced in float64, where the series of
// [-pi/4, pi/4] is short. Embeddings are a few thousand numbers.
__device__ __forceinline__ void sincos_exact(float a, float* sin, float* cos) {
    const double k = rint((double)a * 0.63661977236758134308), r0 = (double)a - k * 1.57079632679489661923;
    const double r = r0 - k * 6.123233995736766e-17, z = r * r;
    const double s = r * (1 + z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 + z * (-1.0 / 39916800))))));
    const double c = 1 + z * (-1.0 / 2 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800 + z * (1.0 / 479001600))))));
    const int quadrant = (int)((long long)k & 3);
    const double sq = quadrant & 1 ? c : s, cq = quadrant & 1 ? s : c;
    *sin = (float)(quadrant & 2 ? -sq : sq);
    *cos = (float)((quadrant + 1) & 2 ? -cq : cq);
}

// embed_time: y[r] = [sin(t f), cos(t f)], cosines first if flip; a last 0 if dim is odd. With log the angle is that
// of Gaussian Fourier features, ln(t) * f * 2 pi (Song et al., 2021).
template <typename T>
__device__ __forceinline__ void embed_time(const float* t, const float* f, T* y, uint64_t ys, uint64_t rows, int dim,
                                           int flip, int log) {
    const int half = dim / 2;
    for (uint64_t i = first_item(); i < rows * half; i += all_threads()) {
        const uint64_t row = i / half;
        const int k = int(i % half);
        float a = t[row] * f[k];
        if (log) a = logf(t[row]) * f[k] * 2.0f * 3.14159265358979f;
        float s, c;
        sincos_exact(a, &s, &c);
        if (a - a != 0.0f) s = c = a - a;  // of an infinite time, or none
        T* out = y + row * ys;
        out[flip ? half + k : k] = cast<T>(s);
        out[flip ? k : half + k] = cast<T>(c);
        if (k == 0 && dim % 2) out[dim - 1] = cast<T>(0.0f);
    }
}

// lookup: y[r,:] = table[index[r],:]. The index was checked by the host.
template <typename T>
__device__ __forceinline__ void lookup(const int* index, const float* table, T* y, uint64_t ys, uint64_t rows, int dim) {
    for (uint64_t i = first_item(); i < rows * dim; i += all_threads()) {
        const uint64_t row = i / dim, c = i % dim;
        y[row * ys + c] = cast<T>(table[(uint64_t)index[row] * dim + c]);
    }
}

// select_pixel: y[n,:] = x[n,index[n],:] of images of `pixels`. The index was checked by the host.
template <typename T>
__device__ __forceinline__ void select_pixel(const T* x, const int* index, T* y, uint64_t xs, uint64_t ys, uint64_t images,
                                             uint64_t pixels, int channels) {
    for (uint64_t i = first_item(); i < images * channels; i += all_threads()) {
        const uint64_t n = i / channels, c = i % channels;
        y[n * ys + c] = x[(n * pixels + index[n]) * xs + c];
    }
}

}  // namespace cudiffuse
