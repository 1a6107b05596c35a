#ifndef SHAPE_H
#define SHAPE_H
namespace geo {
class Shape {
 public:
  int area() const;
};
}
#endif
