SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#page',
  deepLinking: true,
  validatorUrl: null, // it would be asked over the internet
  showCommonExtensions: true,
  defaultModelsExpandDepth: 0,
});
