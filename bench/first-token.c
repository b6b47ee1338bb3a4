/* llama.cpp's own way from process start to first token, as short as it can be: load, read a prompt, print a token.
 * Built by bench/startup.ts against the packaged libllama; the structs repeat llama.h of v0.5.0. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_params {
    void *devices, *overrides;
    int32_t n_gpu_layers;
    int split_mode, load_mode, lazy_mode;
    int32_t main_gpu;
    void *tensor_split, *progress, *progress_data, *kv_overrides;
    bool vocab_only, check_tensors, use_extra_bufts, no_host, no_alloc, load_mtp;
};
struct context_params {
    uint32_t n_ctx, n_batch, n_ubatch, n_seq_max, n_rs_seq, n_outputs_max, n_outputs_max_per_seq;
    int32_t n_threads, n_threads_batch;
    int ctx_type, rope_scaling_type, pooling_type, attention_type, flash_attn_type;
    float rope[6];
    uint32_t yarn_orig_ctx;
    float defrag_thold;
    void *cb_eval, *cb_eval_data;
    int type_k, type_v;
    void *abort_callback, *abort_data;
    bool embeddings, offload_kqv, no_perf, op_offload, swa_full, kv_unified;
    void *samplers;
    size_t n_samplers;
    void *ctx_other;
};
struct batch {
    int32_t n_tokens;
    int32_t *token;
    void *embd, *pos, *n_seq_id, *seq_id, *logits;
};

void ggml_backend_load_all_from_path(const char *dir);
void llama_log_set(void (*callback)(int, const char *, void *), void *data);
struct model_params llama_model_default_params(void);
struct context_params llama_context_default_params(void);
void *llama_model_load_from_file(const char *path, struct model_params params);
void *llama_init_from_model(void *model, struct context_params params);
void *llama_model_get_vocab(void *model);
int32_t llama_vocab_n_tokens(void *vocab);
int32_t llama_tokenize(void *vocab, const char *text, int32_t length, int32_t *tokens, int32_t room, bool special, bool parse);
int32_t llama_token_to_piece(void *vocab, int32_t token, char *buffer, int32_t length, int32_t lstrip, bool special);
struct batch llama_batch_get_one(int32_t *tokens, int32_t count);
int32_t llama_decode(void *context, struct batch batch);
float *llama_get_logits_ith(void *context, int32_t index);

static void quiet(int level, const char *text, void *data) { (void)level, (void)text, (void)data; }

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(argv[1]);
    struct model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    void *model = llama_model_load_from_file(argv[2], mp);
    if (!model) return 1;
    struct context_params cp = llama_context_default_params();
    cp.n_ctx = 4096;
    cp.n_threads = cp.n_threads_batch = atoi(argv[4]);
    void *context = llama_init_from_model(model, cp), *vocab = llama_model_get_vocab(model);
    int32_t tokens[1024], count = llama_tokenize(vocab, argv[3], (int32_t)strlen(argv[3]), tokens, 1024, true, true);
    if (!context || count <= 0 || llama_decode(context, llama_batch_get_one(tokens, count)) != 0) return 1;
    const float *logits = llama_get_logits_ith(context, -1);
    int32_t best = 0, size = llama_vocab_n_tokens(vocab);
    for (int32_t i = 1; i < size; i++) if (logits[i] > logits[best]) best = i;
    char piece[128];
    int32_t length = llama_token_to_piece(vocab, best, piece, sizeof piece, 0, true);
    fwrite(piece, 1, length > 0 ? (size_t)length : 0, stdout);
    fflush(stdout);
    _Exit(0);
}
