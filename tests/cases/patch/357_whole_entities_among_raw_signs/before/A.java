/**
 * <pre>
 * Class<?> endpoint();
 * </pre>
 */
class A {
	Class<?> one;
}
