package server

import (
	"io"
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	sdkclient "github.com/cloudevents/sdk-go/v2/client"
	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	sdkhttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func sdkEvent(t *testing.T, id string) sdk.Event {
	t.Helper()
	e := sdk.New()
	e.SetID(id)
	e.SetSource("//shop.example/orders/7")
	e.SetType("order.placed")
	if err := e.SetData("application/json", map[string]int{"total": 3}); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestCloudEvents_OfTheSDKAreAccepted sends with the client of the CloudEvents SDK for
// Go. A sender that expects a reply, such as a trigger of Knative, counts a response as
// failed if it has a body that is not a CloudEvent.
func TestCloudEvents_OfTheSDKAreAccepted(t *testing.T) {
	t.Parallel()
	m := &memory{}
	address := "http://" + serveRaw(t, serverWith(m))
	for name, encode := range map[string]func(sdk.Event) binding.Message{
		"binary":     func(e sdk.Event) binding.Message { return (*binding.EventMessage)(&e) },
		"structured": func(e sdk.Event) binding.Message { return binding.ToMessage(&e) },
	} {
		transport, err := sdkhttp.New(sdkhttp.WithTarget(address+"/publish"), sdkhttp.WithHeader("Prefer", "reply"))
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if name == "structured" {
			ctx = binding.WithForceStructured(ctx)
		}
		sender, err := sdkclient.New(transport)
		if err != nil {
			t.Fatal(err)
		}
		e := sdkEvent(t, name)
		if result := sender.Send(ctx, e); !protocol.IsACK(result) {
			t.Errorf("%s: %v", name, result)
		}
		// The same event again, as something that expects a reply sends it.
		if reply, result := sender.Request(ctx, e); !protocol.IsACK(result) || reply != nil {
			t.Errorf("%s: reply %v, result %v", name, reply, result)
		}
		got, err := transport.Request(ctx, encode(e))
		response, ok := got.(*sdkhttp.Message)
		if !protocol.IsACK(err) || !ok {
			t.Fatalf("%s: %v %v", name, got, err)
		}
		// This is the check of Knative's dispatcher: an unknown encoding is fine if there is no body.
		if response.ReadEncoding() != binding.EncodingUnknown || response.BodyReader == nil {
			t.Errorf("%s: encoding %v", name, response.ReadEncoding())
		}
		if body, err := io.ReadAll(response.BodyReader); err != nil || len(body) > 0 {
			t.Errorf("%s: the body is %q, %v", name, body, err)
		}
		_ = response.Finish(nil)
	}
	batch, err := sdkhttp.NewHTTPRequestFromEvents(t.Context(), address+"/publish", []sdk.Event{sdkEvent(t, "binary"), sdkEvent(t, "batched")})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(batch)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a batch got %d", response.StatusCode)
	}
	if stats, err := m.Stats(t.Context()); err != nil || stats.Stored != 3 || stats.Duplicates != 5 {
		t.Errorf("%+v, %v", stats, err)
	}
}
