package app

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// parser reads notifications as the settings say.
func (a *App) parser() unifonic.Parser {
	return unifonic.Parser{Location: a.Config.Location(), Statuses: a.Config.StatusWords()}
}

const (
	wordsNamed = 100 // different words that are named in the log
	wordLength = 64  // characters of a word that are shown
)

// unknownStatuses returns a function that counts statuses with words that are not known, and names each word in the log
// once. source is where they come from: "notification" or "call-log". The word stands in no metric: whoever may send it
// could fill the metric with words.
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
			a.Log.Warn("status word is not known; name its meaning in AFTERCALL_UNIFONIC_STATUS_ALIASES", "word", phone.Redact(word), "source", source)
		}
	}
}

// statusWords is the metric of unknown words, registered once for all sources.
func (a *App) statusWords() *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aftercall_unknown_statuses_total", Help: "Statuses received with a word that is not known, by source. The log names the words.",
	}, []string{"source"})
	if err := a.registry.Register(v); err != nil {
		if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return known.ExistingCollector.(*prometheus.CounterVec)
		}
	}
	return v
}
