use std::sync::Arc;

use imaging::{Picture, PictureCache};

fn picture(bytes: u32) -> Arc<Picture> {
    Arc::new(Picture::from_rgb(bytes / 3, 1, vec![0; bytes as usize]).unwrap())
}

#[test]
fn the_picture_not_used_for_longest_goes_first() {
    let cache = PictureCache::new(700);
    cache.keep([1; 32], &picture(300));
    cache.keep([2; 32], &picture(300));
    assert!(cache.get(&[1; 32]).is_some());
    cache.keep([3; 32], &picture(300));
    assert!(cache.get(&[1; 32]).is_some() && cache.get(&[3; 32]).is_some());
    assert!(cache.get(&[2; 32]).is_none());
    assert_eq!(cache.size_bytes(), 600);
}

#[test]
fn one_content_kept_twice_counts_once() {
    let cache = PictureCache::new(700);
    for _ in 0..5 {
        cache.keep([1; 32], &picture(300));
    }
    assert_eq!(cache.size_bytes(), 300);
}

#[test]
fn a_picture_larger_than_the_whole_cache_drives_nothing_out() {
    let cache = PictureCache::new(700);
    cache.keep([1; 32], &picture(300));
    cache.keep([2; 32], &picture(900));
    assert!(cache.get(&[2; 32]).is_none());
    assert!(cache.get(&[1; 32]).is_some());
}
