#include <linnet/linnet.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) { /* classify MODEL.safetensors PICTURE */
    linnet_error err = {0};
    linnet_model_params params = {.model = argc == 3 ? argv[1] : ""};
    linnet_model *model;
    linnet_model_info info;
    linnet_device *device;
    linnet_session *session;
    float *image, *logits;
    linnet_top t[5];
    if (linnet_model_open(&params, &model, &err) || linnet_model_get_info(model, &info, &err) ||
        linnet_device_open(NULL, &device, &err) || /* a GPU, else the processor */
        linnet_session_create(model, device, NULL, &session, &err) || info.classes < 1 ||
        !(image = calloc(info.height * info.width, 12)) || !(logits = calloc(info.classes, 4)) ||
        linnet_image_load(model, argv[2], image, &err) ||
        linnet_session_run(session, (const void *[]){image}, (void *[]){logits}, &err))
        return fprintf(stderr, "%s\n", *err.message ? err.message : "no classifier"), 1;
    for (int i = 0; i < linnet_topk(logits, info.classes, 5, t); i++)
        printf("%.4f  %d  %s\n", t[i].probability, t[i].index, /* a model may have no labels */
               linnet_model_label(model, t[i].index) ? linnet_model_label(model, t[i].index) : "");
    linnet_session_destroy(&session);
    linnet_device_close(&device), linnet_model_close(&model), free(image), free(logits);
}
