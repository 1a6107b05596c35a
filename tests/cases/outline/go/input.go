// Package shapes has a comment.
package shapes

import (
	"fmt"
	str "strings"
)

// Limit is the limit.
const Limit = 3

const (
	// First of all.
	First = iota
	second, third
)

var a, b = 1, 2
var (
	grouped int
)

// Shape is anything
// with an area.
type Shape interface {
	fmt.Stringer
	Area(unit Unit) float64
}

type (
	// Box holds things.
	Box[T any] struct {
		Base
		*other.Embedded
		Width, Height int `json:"w"`
		inner         struct{ X int }
	}
	Name string
	Same = Name
	Fn   func(a int) error
)

/*
New makes a box.
*/
func New[T any](w int) (*Box[T], error) {
	local := func() {}
	var hidden int
	local()
	return &Box[T]{Width: w}, fmt.Errorf("x %d", str.Count("a", "b"))
}

// Area computes.
func (b *Box[T]) Area(unit Unit) float64 { return float64(b.Width) }
func (Name) Unnamed()                    {}

func external(x int) int

func broken( {
