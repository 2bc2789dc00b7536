// Package folder knows what every store in a local folder needs: how a file: URL names it, and how what was written to
// it survives a power cut.
package folder

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Scheme begins the URLs that Path reads.
const Scheme = "file:"

// Path is the absolute path that a URL names: "file:relative", "file:/absolute", "file:///absolute" or
// "file://./relative".
func Path(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("not a URL")
	}
	dir := u.Path
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("a file: URL takes no parameters")
	case u.Opaque != "":
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return "", fmt.Errorf("read the path: %w", err)
		}
	case u.Host == ".":
		dir = strings.TrimPrefix(dir, "/")
	case u.Host != "" && u.Host != "localhost":
		return "", errors.New("a file: URL names no host: write file:folder or file:///folder")
	}
	if dir == "" {
		return "", errors.New("a file: URL needs a folder")
	}
	return filepath.Abs(filepath.FromSlash(dir))
}

// Sync flushes the names in a folder to the disk.
func Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
