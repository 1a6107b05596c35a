#include <vector>
#include "shape.hpp"
#define MACRO 1

namespace geo::detail {

/// A shape.
template <typename T, int N = 3>
class Shape final : public Base<T>, private ns::Other {
public:
    explicit Shape(int size) : size_(size) { init(); }
    virtual ~Shape();
    Shape &operator=(const Shape &other) = default;
    bool operator==(const Shape &o) const { return true; }
    operator bool() const { return true; }
    virtual double area() const = 0;
    static std::vector<T> make(int n);
    const T &get() const { return value_; }
    template <class U> void convert(U u) { std::move(u); }
    enum class Color : int { Red, Green };
    struct Inner { int deep; };
    using Alias = std::vector<T>;
    friend void swap(Shape &a, Shape &b);
private:
    T value_;
    int *ptr_, &ref_;
    std::map<int, T> items_[3];
};

template <typename T, int N>
double Shape<T, N>::area() const {
    auto f = [](int a) { return a; };
    int local = 0;
    return geo::compute<T>(value_) + f(local);
}

Shape<int>::~Shape() {}
std::vector<int> Outer::Inner::list(const std::string &s) { return {}; }
bool Outer::operator<(const Outer &o) const { return new Widget(1); }

constexpr int kLimit = 3;
static const char *const name = "x";
int free_function(int a);
concept_t *pointer_result() { return nullptr; }
}  // namespace geo::detail

template <typename T> concept Small = sizeof(T) < 4;
namespace { int hidden; }
extern "C" { void c_function(int); int c_defined() { return 1; } }
typedef unsigned long ulong_t;
union U { int a; };
enum Plain { One, Two };
void broken( {
