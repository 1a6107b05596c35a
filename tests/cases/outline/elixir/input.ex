defmodule App.Shapes.Shape do
  @moduledoc """
  A shape.
  """
  use GenServer
  alias App.Other
  import Enum, only: [map: 2]

  @limit 3
  @type t :: %__MODULE__{}
  defstruct [:name, size: 3]

  @doc """
  Computes the area.
  """
  @spec area(t, integer) :: float
  def area(%{size: s} = shape, unit \\ 1) do
    Other.compute(s) |> helper(unit)
  end

  def short(x), do: x
  def guarded(x) when is_integer(x), do: x
  def no_args, do: 1
  defp hidden(y) do
    y
  end
  # A macro.
  defmacro twice(expr), do: expr
  defguard is_small(x) when x < 3
  defdelegate size(x), to: Other
  def a + b, do: {a, b}

  defmodule Inner do
    def deep, do: :ok
  end
end

defprotocol Drawn do
  def draw(x)
end

defimpl Drawn, for: App.Shapes.Shape do
  def draw(x), do: x
end

test "not a definition" do
  assert 1 == 1
end
def broken( do
