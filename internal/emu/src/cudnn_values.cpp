// Tensors in memory as float32 and back.
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <thread>

#include "cudnn_compute.h"
#include "number.h"

namespace emu::cudnn {

template <size_t N>
Walk<N>::Walk(const Shape& d, const std::array<Shape, N>& s) {
    for (size_t k = 0; k < d.size(); ++k) {
        if (d[k] == 1) continue;
        bool joined = !dims.empty();
        for (size_t o = 0; o < N && joined; ++o) joined = strides[o].back() == s[o][k] * d[k];
        if (joined) dims.back() *= d[k];
        else dims.push_back(d[k]);
        for (size_t o = 0; o < N; ++o) {
            if (joined) strides[o].back() = s[o][k];
            else strides[o].push_back(s[o][k]);
        }
    }
    // The dimension with the smallest steps of the last operand runs innermost.
    if (dims.size() < 2) return;
    size_t best = dims.size() - 1;
    for (size_t k = 0; k + 1 < dims.size(); ++k)
        if (strides[N - 1][k] < strides[N - 1][best]) best = k;
    auto last = [&](Shape& v) { std::rotate(v.begin() + long(best), v.begin() + long(best) + 1, v.end()); };
    last(dims);
    for (Shape& v : strides) last(v);
}
template struct Walk<1>;
template struct Walk<2>;
template struct Walk<3>;

Shape packedStrides(const Shape& dims) {
    Shape s(dims.size());
    i64 n = 1;
    for (size_t k = dims.size(); k-- > 0; n *= dims[k]) s[k] = n;
    return s;
}

Shape repeated(const Shape& strides, const Shape& of, const Shape& dims) {
    Shape s = strides;
    for (size_t k = 0; k < s.size(); ++k)
        if (of[k] == 1 && dims[k] != 1) s[k] = 0;
    return s;
}

Value makeValue(const Tensor& t) {
    std::vector<size_t> order(t.dims.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return t.strides[a] > t.strides[b]; });
    Value v;
    v.strides.resize(order.size());
    i64 n = 1;
    for (size_t k = order.size(); k-- > 0; n *= t.dims[order[k]]) v.strides[order[k]] = n;
    v.data.reset(new float[size_t(n)]);
    return v;
}

namespace {

float widenAs(float v) { return v; }
template <class T>
float widenAs(T v) {
    return widen(v);
}
template <class T>
T narrowAs(float v) {
    return narrow<T>(v);
}
template <>
float narrowAs<float>(float v) {
    return v;
}

template <class T>
void unpackAs(const T* from, const Shape& strides, const Shape& dims, float* to, const Shape& toStrides) {
    Walk<2>(dims, {strides, toStrides}).run([&](i64 n, const auto& at, const auto& step) {
        const T* f = from + at[0];
        float* t = to + at[1];
        if (step[0] == 1 && step[1] == 1)
            for (i64 k = 0; k < n; ++k) t[k] = widenAs(f[k]);
        else
            for (i64 k = 0; k < n; ++k) t[k * step[1]] = widenAs(f[k * step[0]]);
    });
}

template <class T>
void packAs(const Value& v, const Tensor& t, T* to) {
    Walk<2>(t.dims, {v.strides, t.strides}).run([&](i64 n, const auto& at, const auto& step) {
        const float* f = v.data.get() + at[0];
        T* o = to + at[1];
        if (step[0] == 1 && step[1] == 1)
            for (i64 k = 0; k < n; ++k) o[k] = narrowAs<T>(f[k]);
        else
            for (i64 k = 0; k < n; ++k) o[k * step[1]] = narrowAs<T>(f[k * step[0]]);
    });
}

}  // namespace

void unpack(const Source& s, float* to, const Shape& strides) {
    const Shape& dims = s.tensor->dims;
    if (s.values) return unpackAs(s.values, s.strides, dims, to, strides);
    switch (s.tensor->type) {
        case CUDNN_DATA_FLOAT: return unpackAs(reinterpret_cast<const float*>(s.data), s.strides, dims, to, strides);
        case CUDNN_DATA_HALF: return unpackAs(reinterpret_cast<const f16*>(s.data), s.strides, dims, to, strides);
        default: return unpackAs(reinterpret_cast<const bf16*>(s.data), s.strides, dims, to, strides);
    }
}

float number(const Source& s) {
    float v;
    unpack(s, &v, Shape(s.strides.size(), 0));
    return v;
}

void roundTo(int type, float* v, i64 n) {
    if (type == CUDNN_DATA_HALF)
        for (i64 k = 0; k < n; ++k) v[k] = widen(narrow<f16>(v[k]));
    else if (type == CUDNN_DATA_BFLOAT16)
        for (i64 k = 0; k < n; ++k) v[k] = widen(narrow<bf16>(v[k]));
}

void pack(const Value& v, const Tensor& t, u8* data) {
    switch (t.type) {
        case CUDNN_DATA_FLOAT: return packAs(v, t, reinterpret_cast<float*>(data));
        case CUDNN_DATA_HALF: return packAs(v, t, reinterpret_cast<f16*>(data));
        default: return packAs(v, t, reinterpret_cast<bf16*>(data));
    }
}

void parallel(i64 n, i64 work, const std::function<void(i64, i64)>& f) {
    constexpr i64 kWorth = 1 << 20;  // operations below which a second host thread costs more than it gains
    const char* s = getenv("CUDIFFUSE_EMU_THREADS");
    i64 threads = s ? atoi(s) : i64(std::thread::hardware_concurrency());
    threads = work < kWorth ? 1 : std::max<i64>(1, std::min({threads, i64(8), n}));
    std::vector<std::thread> pool;
    for (i64 k = 1; k < threads; ++k) pool.emplace_back(f, n * k / threads, n * (k + 1) / threads);
    f(0, n / threads);
    for (auto& t : pool) t.join();
}

}  // namespace emu::cudnn
