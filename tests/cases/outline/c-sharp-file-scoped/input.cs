namespace Company.Shapes;

public record Point(int X, int Y);
public readonly struct Size { public int Width { get; init; } }
