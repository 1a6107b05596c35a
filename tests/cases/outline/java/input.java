package com.example.shapes;

import java.util.List;
import static java.lang.Math.*;

/**
 * A shape.
 * @param <T> what
 */
@Entity(name = "x")
public abstract class Shape<T extends Number> extends Base<T> implements Runnable, Comparable<Shape> {
    private static final int LIMIT = 3;
    protected List<String> names = new ArrayList<>(), others;

    /** Makes one. */
    public Shape(int size) { super(size); }

    @Override
    @SuppressWarnings({"a", "b"})
    public <K> Map<K, T> area(final K key,
            int unit) throws IOException {
        Runnable r = () -> helper(key);
        int local = 1;
        return names.stream().map(String::valueOf).collect(toMap());
    }

    abstract void draw();

    // Nested.
    static class Inner { void deep() {} }
    enum Color { RED { void x() {} }, GREEN(1); Color(int... a) {} }
    record Point(int x, int y) implements Serializable { Point { check(x); } static int zero() { return 0; } }
    interface Visitor { int MAX = 1; void visit(Shape s); default void done() {} }
    @interface Marker { String value() default ""; }
}

class Broken {
    void half( {
}
