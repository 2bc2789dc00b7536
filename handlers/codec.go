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

// maxPayloads bounds what the Temporal UI sends at once: the payloads of a whole history.
const maxPayloads = 32 << 20

// PayloadDecoder decrypts what it can, and hands on the rest as it is.
type PayloadDecoder interface {
	Decode([]*commonpb.Payload) ([]*commonpb.Payload, error)
}

// CodecOptions are what the codec server needs.
type CodecOptions struct {
	Decoder   PayloadDecoder
	Namespace string // no other one's payloads are decoded
	LogIn     *LogIn
	Token     string   // that callers show as "Authorization: Bearer …"; empty: none is wanted
	Origins   []string // of the pages that may call, exactly, as http://localhost:8233
}

// MountCodec mounts the codec server for the Temporal UI and CLI: POST /decode decrypts payloads, POST /encode answers
// them as they are, since aftercall's workers take clear input. Bodies are temporal.api.common.v1.Payloads in JSON. Who
// can call it reads everything.
func MountCodec(e *gin.Engine, o CodecOptions) {
	authorize := func(*gin.Context) {}
	if o.Token != "" {
		authorize = o.LogIn.token(o.Token, "aftercall codec", "Show AFTERCALL_CODEC_TOKEN as a bearer token.")
	}
	for path, change := range map[string]func([]*commonpb.Payload) ([]*commonpb.Payload, error){
		"/decode": o.Decoder.Decode,
		"/encode": func(p []*commonpb.Payload) ([]*commonpb.Payload, error) { return p, nil },
	} {
		e.OPTIONS(path, o.crossOrigin)
		e.POST(path, o.crossOrigin, authorize, o.ownNamespace, o.handle(change))
	}
}

// crossOrigin lets pages of the named origins call, and no other page. Programs send no origin.
func (o CodecOptions) crossOrigin(c *gin.Context) {
	origin := c.GetHeader("Origin")
	c.Header("Vary", "Origin")
	c.Header("Cache-Control", "no-store")
	if origin != "" && !slices.Contains(o.Origins, origin) {
		fail(c, problemCrossOrigin, "Name the page's origin in AFTERCALL_CODEC_ORIGINS if it may decode payloads.")
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
