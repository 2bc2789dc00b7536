package app

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// parser returns a parser of notifications with these settings.
func (a *App) parser() unifonic.Parser {
	return unifonic.Parser{Location: a.Config.Location(), Statuses: a.Config.StatusWords()}
}

const (
	wordsNamed = 100 // different words that the log names
	wordLength = 64  // shown characters of a word
)

// unknownStatuses returns a function that counts unknown status words, and logs each word once. source is their origin:
// "notification" or "call-log". The metric has no label with the word, since a sender could fill it with words.
func (a *App) unknownStatuses(source string) func(word string) {
	count := a.statusWords().WithLabelValues(source)
	var (
		mu    sync.Mutex
		named = map[string]bool{}
	)
	return func(word string) {
		count.Inc()
		if r := []rune(word); len(r) > wordLength {
			word = string(r[:wordLength]) + "…"
		}
		mu.Lock()
		news := !named[word] && len(named) < wordsNamed
		if news {
			named[word] = true
		}
		mu.Unlock()
		if news {
			a.Log.Warn("unknown status word; set its meaning in AFTERCALL_UNIFONIC_STATUS_ALIASES", "word", phone.Redact(word), "source", source)
		}
	}
}

// statusWords returns the metric of unknown words, registered once for all sources.
func (a *App) statusWords() *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aftercall_unknown_statuses_total", Help: "Received statuses with an unknown word, by source. The log names the words.",
	}, []string{"source"})
	if err := a.registry.Register(v); err != nil {
		if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return known.ExistingCollector.(*prometheus.CounterVec)
		}
	}
	return v
}
