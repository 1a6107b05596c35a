#include <stdio.h>
#include "local.h"
#define LIMIT 3
#define SQUARE(x) ((x) * (x))

/* A point in the
   plane. */
struct point { int x, *y; char name[8]; };
typedef struct { int a; } anonymous_t;
typedef int (*callback)(void *data, int n);
enum color { RED, GREEN = 2 };
union both { int i; float f; };
typedef struct point point_t;

extern int counter;
static const char *names[] = { "a", "b" };
int table[3] = {1, 2, 3};
int declared(int a, const char *b);
char *pointing(void);

/**
 * Adds.
 */
static inline int
add(int a, int b)
{
    int local = helper(a);
    return obj->method(local) + SQUARE(b);
}

struct point *make_point(int x) { return malloc(sizeof(struct point)); }
void (*signal(int sig, void (*func)(int)))(int);

#ifdef FEATURE
void gated(void) {}
#endif

int broken( {
