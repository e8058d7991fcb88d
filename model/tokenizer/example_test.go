package tokenizer_test

import (
	"fmt"
	"os"

	"github.com/cudiffuse/cudiffuse/model/tokenizer"
)

func ExampleCLIP_Tokens() {
	c, err := tokenizer.Open(os.DirFS("testdata"), "clip")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Tokens("a photo of a cat"))
	// Output: [320 1125 539 320 2368]
}
