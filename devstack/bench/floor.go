package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/unifonic"
)

// floor measures a Gin handler that does the least for an honest 200: it reads the notification and appends it to a file,
// durably, together with others that arrived at the same time.
func (b *bench) floor(ctx context.Context) error {
	return b.bareProcess(ctx, "Gin, notification read and appended durably", "floor", b.address(portBare), filepath.Join(b.dir, "floor"))
}

// serveFloor runs the process `bench floor`.
func serveFloor(address, file string) {
	f, err := os.Create(file)
	if err != nil {
		panic(err)
	}
	queue := make(chan entry, 1024)
	go appendAll(f, queue)
	serveGin(address, func(c *gin.Context, body []byte) error {
		n, err := (unifonic.Parser{}).Notification(body)
		if err != nil {
			return err
		}
		e := entry{append([]byte(n.EventKey()), body...), make(chan error, 1)}
		queue <- e
		return <-e.done
	})
}

// entry waits to be durable.
type entry struct {
	data []byte
	done chan error
}

// appendAll makes waiting entries durable together.
func appendAll(f *os.File, queue <-chan entry) {
	for e := range queue {
		batch, data := []entry{e}, e.data
		for len(queue) > 0 {
			e = <-queue
			batch, data = append(batch, e), append(data, e.data...)
		}
		_, err := f.Write(data)
		if err == nil {
			err = f.Sync()
		}
		for _, e := range batch {
			e.done <- err
		}
	}
}

// serveBare runs the process `bench bare`: Gin reads the body and responds, the least cost of any webhook.
func serveBare(address string) { serveGin(address, func(*gin.Context, []byte) error { return nil }) }

// serveGin responds 200 to each body for which do returns no error.
func serveGin(address string, do func(*gin.Context, []byte) error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/webhooks/unifonic", func(c *gin.Context) {
		body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, 64<<10))
		if err != nil {
			c.Status(http.StatusRequestEntityTooLarge)
			return
		}
		if err := do(c, body); err != nil {
			c.Status(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "accepted"})
	})
	e.GET("/readyz", func(c *gin.Context) { c.Status(http.StatusOK) })
	_ = e.Run(address)
}
