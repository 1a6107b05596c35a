package main

import "fmt"

func add(a, b int) int {
	return a + b
}

func main() {
	for i := 0; i < 4; i++ {
		fmt.Println(add(i, 2))
		fmt.Println()
	}
}
