// Receiver takes aftercall's callbacks: a signature that fits, each message once.
//
//	SECRET=whsec_… go run . 127.0.0.1:9000
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	verifier, err := standardwebhooks.NewWebhook(os.Getenv("SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listens on", l.Addr())
	log.Fatal(http.Serve(l, receiver(verifier, func(kind string, data json.RawMessage) error {
		fmt.Println(kind, string(data)) // yours: store it, go by its revision
		return nil
	})))
}

// receiver hands each message to take, once. Keep the ids where you keep what you take, in one transaction.
func receiver(verifier *standardwebhooks.Webhook, take func(kind string, data json.RawMessage) error) http.Handler {
	var mu sync.Mutex
	taken := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Type string
			Data json.RawMessage
		}
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || verifier.Verify(text, r.Header) != nil || json.Unmarshal(text, &body) != nil {
			http.Error(w, "not from aftercall", http.StatusUnauthorized)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get(standardwebhooks.HeaderWebhookID)
		if taken[id] {
			return
		}
		if err := take(body.Type, body.Data); err != nil {
			http.Error(w, "not now", http.StatusServiceUnavailable) // it comes again
			return
		}
		taken[id] = true
	})
}
