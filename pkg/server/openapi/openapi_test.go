package openapi_test

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/eventagg/eventagg/pkg/server/openapi"
)

func TestJSON_IsValidOpenAPI(t *testing.T) {
	t.Parallel()
	text, err := openapi.JSON()
	if err != nil || !json.Valid(text) {
		t.Fatalf("not JSON: %v", err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil || !document.IsOpenAPI31OrLater() {
		t.Errorf("OpenAPI %s: %v", document.OpenAPI, err)
	}
}
