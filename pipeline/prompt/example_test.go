package prompt_test

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

func ExampleParse() {
	pieces, err := prompt.Parse(`a (red:1.3) [barn] \(old\) BREAK at ((night))`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pieces {
		fmt.Printf("%q %.4g %v\n", p.Text, p.Weight, p.Break)
	}
	_, err = prompt.Parse("a (red:1.3.5) barn")
	fmt.Println(err)
	// Output:
	// "a " 1 false
	// "red" 1.3 false
	// " " 1 false
	// "barn" 0.9091 false
	// " (old)" 1 false
	// "" 1 true
	// "at " 1 false
	// "night" 1.21 false
	// prompt, at byte 7: weight "1.3.5" is not a number
}
