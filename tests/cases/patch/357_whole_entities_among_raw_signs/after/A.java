/**
 * <pre>
 * Class&lt;?&gt; endpoint();
 * </pre>
 */
class A {
	Class<?> one;
}
