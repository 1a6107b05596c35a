using System;
using System.Collections.Generic;
using Alias = System.Text.StringBuilder;

namespace Company.Shapes
{
    /// <summary>
    /// A shape.
    /// </summary>
    [Serializable]
    public abstract partial class Shape<T> : Base<T>, IDisposable where T : class
    {
        private readonly Dictionary<string, int> items = new();
        public const int Limit = 3;
        public event EventHandler Changed;
        public string Name { get; set; }
        public int Twice => Size * 2;
        public Shape(int size) : base(size) { Init(); }
        ~Shape() { }
        [Obsolete("x")]
        public async Task<int> Run<K>(K key, Options o) where K : new()
        {
            int local = 1;
            int Inner(int a) => a;
            return await Helper.Do<int>(key).ConfigureAwait(false);
        }
        public abstract double Area();
        public static bool operator ==(Shape<T> a, Shape<T> b) => true;
        public int this[int i] => i;
        enum Color { Red, Green = 2 }
        struct Point { public int X; }
        interface IVisitor { void Visit(Shape<int> s); }
        delegate void Callback(int a);
        public record Person(string First, int Age);
    }
}
