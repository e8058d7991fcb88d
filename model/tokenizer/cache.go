package tokenizer

import "sync"

// Bounds of the cache: prompts repeat their words, but hostile ones never do.
const (
	cacheWords = 1 << 13
	cacheBytes = 48 // of a word
)

// cache keeps the tokens of words. When it is full it starts anew.
type cache struct {
	sync.RWMutex
	words map[string][]int32
}

func (c *cache) get(word string) ([]int32, bool) {
	c.RLock()
	defer c.RUnlock()
	t, ok := c.words[word]
	return t, ok
}

// put keeps tokens, which are not changed afterwards.
func (c *cache) put(word string, tokens []int32) {
	if len(word) > cacheBytes {
		return
	}
	c.Lock()
	defer c.Unlock()
	if c.words == nil || len(c.words) >= cacheWords {
		c.words = map[string][]int32{}
	}
	// A copy: the word is a piece of a text, which it would keep alive.
	c.words[string([]byte(word))] = tokens
}
