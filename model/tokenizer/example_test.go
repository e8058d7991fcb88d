package tokenizer_test

import (
	"fmt"
	"os"

	"github.com/cudiffuse/cudiffuse/model/tokenizer"
)

func open() *tokenizer.CLIP {
	c, err := tokenizer.Open(os.DirFS("testdata"), "clip")
	if err != nil {
		panic(err)
	}
	return c
}

func ExampleCLIP_Tokens() {
	fmt.Println(open().Tokens("a photo of a cat"))
	// Output: [320 1125 539 320 2368]
}

func ExampleCLIP_Encode() {
	tokens := open().Encode("A photo of a cat")
	fmt.Println(len(tokens), tokens[:8])
	// Output: 77 [49406 320 1125 539 320 2368 49407 49407]
}

func ExampleCLIP_Text() {
	c := open()
	fmt.Println(c.Text(c.Encode("A   photo of a CAT!")))
	// Output: a photo of a cat !
}

func ExampleUnigram_Encode() {
	u, err := tokenizer.OpenUnigram(os.DirFS("testdata"), "unigram")
	if err != nil {
		panic(err)
	}
	ids, n := u.Encode("the  network", 8)
	for _, id := range ids[:n] {
		fmt.Print(u.Token(id), " ")
	}
	fmt.Println(n, len(ids))
	// Output: ▁the ▁network </s> 3 8
}
