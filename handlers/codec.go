package handlers

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxPayloads bounds one request of the Temporal UI, which sends the payloads of a whole history.
const maxPayloads = 32 << 20

// PayloadDecoder decrypts the payloads that it can and returns the others unchanged.
type PayloadDecoder interface {
	Decode([]*commonpb.Payload) ([]*commonpb.Payload, error)
}

// CodecOptions configures the codec server.
type CodecOptions struct {
	Decoder   PayloadDecoder
	Namespace string // only its payloads are decoded
	LogIn     *LogIn
	Token     string   // required as "Authorization: Bearer …"; empty: none
	Origins   []string // exact origins of the pages that may call, like http://localhost:8233
}

// MountCodec mounts the codec server for the Temporal UI and CLI: POST /decode decrypts payloads, POST /encode returns them
// unchanged, since aftercall's workers accept clear input. Bodies are temporal.api.common.v1.Payloads in JSON. Its callers
// can read everything.
func MountCodec(e *gin.Engine, o CodecOptions) {
	authorize := func(*gin.Context) {}
	if o.Token != "" {
		authorize = o.LogIn.token(o.Token, "aftercall codec", "Send AFTERCALL_CODEC_TOKEN as a bearer token.")
	}
	for path, change := range map[string]func([]*commonpb.Payload) ([]*commonpb.Payload, error){
		"/decode": o.Decoder.Decode,
		"/encode": func(p []*commonpb.Payload) ([]*commonpb.Payload, error) { return p, nil },
	} {
		e.OPTIONS(path, o.crossOrigin)
		e.POST(path, o.crossOrigin, authorize, o.ownNamespace, o.handle(change))
	}
}

// crossOrigin admits pages of the named origins only. Programs send no origin.
func (o CodecOptions) crossOrigin(c *gin.Context) {
	origin := c.GetHeader("Origin")
	c.Header("Vary", "Origin")
	c.Header("Cache-Control", "no-store")
	if origin != "" && !slices.Contains(o.Origins, origin) {
		fail(c, problemCrossOrigin, "Add the page's origin to AFTERCALL_CODEC_ORIGINS if it may decode payloads.")
		c.Abort()
		return
	}
	if origin != "" {
		c.Header("Access-Control-Allow-Origin", origin)
	}
	if c.Request.Method == http.MethodOptions {
		c.Header("Access-Control-Allow-Methods", "POST")
		c.Header("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
		c.Status(http.StatusNoContent)
	}
}

// ownNamespace refuses to decode for another namespace.
func (o CodecOptions) ownNamespace(c *gin.Context) {
	if named := c.GetHeader("X-Namespace"); named != "" && named != o.Namespace {
		fail(c, problemNotFound, "This codec server decodes namespace "+o.Namespace+" only.")
		c.Abort()
	}
}

func (o CodecOptions) handle(change func([]*commonpb.Payload) ([]*commonpb.Payload, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxPayloads))
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			fail(c, problemTooLarge, "At most 32 MiB of payloads are decoded at once.")
			return
		}
		var p commonpb.Payloads
		if err != nil || protojson.Unmarshal(raw, &p) != nil {
			fail(c, problemNotJSON, "The body must be Temporal's Payloads in JSON.")
			return
		}
		if p.Payloads, err = change(p.Payloads); err != nil {
			fail(c, problemInternal, "The payloads were not decoded.")
			return
		}
		out, err := protojson.Marshal(&p)
		if err != nil {
			fail(c, problemInternal, "The payloads were not encoded.")
			return
		}
		c.Data(http.StatusOK, "application/json", out)
	}
}
