// The work of side_by_side.py in Go, for orientation.
package main

import (
	"fmt"
	"time"
)

const items = 1_000_000

func pair(capacity int) float64 {
	channel := make(chan int, capacity)
	start := time.Now()
	go func() {
		for item := 0; item < items; item++ {
			channel <- item
		}
		close(channel)
	}()
	for range channel {
	}
	return time.Since(start).Seconds() / items * 1e6
}

func selectOfTwo() float64 {
	first, second := make(chan int), make(chan int)
	produce := func(channel chan int) {
		for item := 0; item < items/2; item++ {
			channel <- item
		}
	}
	start := time.Now()
	go produce(first)
	go produce(second)
	for item := 0; item < items; item++ {
		select {
		case <-first:
		case <-second:
		}
	}
	return time.Since(start).Seconds() / items * 1e6
}

func main() {
	fmt.Printf("%-38s%9.3f\n", "capacity 100", pair(100))
	fmt.Printf("%-38s%9.3f\n", "capacity 0", pair(0))
	fmt.Printf("%-38s%9.3f\n", "select of 2", selectOfTwo())
}
